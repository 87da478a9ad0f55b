"""What the suite counts, in whichever process a test runs, and says at its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import pytest

from tests.mime.corpora import CORPORA

# `count(MESSAGES, 3)` adds to what is said at the end, if the test passes.
Count = Callable[[str, int], None]

MESSAGES = "hostile messages"
# With the layer that held them: each payload meets each layer.
PAYLOADS = "hostile payloads, "


class Tally:
    """A plugin of pytest."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = defaultdict(int)
        self._failed = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed += 1
        elif report.when == "call" and report.passed:
            for name, number in report.user_properties:
                if isinstance(number, int):
                    self._numbers[name] += number

    def __str__(self) -> str:
        payloads = [each for name, each in self._numbers.items() if name.startswith(PAYLOADS)]
        missing = "" if CORPORA.is_dir() else f"Without other projects' mail: no {CORPORA}.\n"
        return (
            f"{missing}hostile: {self._numbers[MESSAGES]} messages, "
            f"{min(payloads, default=0)} payloads, {self._failed} failed"
        )
