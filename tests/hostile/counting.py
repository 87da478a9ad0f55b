"""What the suite counts, in whichever process a test runs, and says at its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import pytest

from tests.mime.corpora import CORPORA
from tests.reading.payloads import DOMPURIFY

# `count(MESSAGES, 3)` adds to what is said at the end, if the test passes.
Count = Callable[[str, int], None]

MESSAGES = "hostile messages"
# With the layer that held them: each payload meets each layer.
PAYLOADS = "hostile payloads, "


class Tally:
    """A plugin of pytest."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = defaultdict(int)
        self._failed: set[str] = set()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:  # a module that cannot be imported
            self._failed.add(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed.add(report.nodeid)
        elif report.when == "call" and report.passed:
            for name, number in report.user_properties:
                if isinstance(number, int):
                    self._numbers[name] += number

    def __str__(self) -> str:
        payloads = [each for name, each in self._numbers.items() if name.startswith(PAYLOADS)]
        missing = [
            f"Without what other projects publish: no {folder}.\n"
            for folder in (CORPORA, DOMPURIFY)
            if not folder.is_dir()
        ]
        return (
            f"{''.join(missing)}hostile: {self._numbers[MESSAGES]} messages, "
            f"{min(payloads, default=0)} payloads, {len(self._failed)} failed"
        )
