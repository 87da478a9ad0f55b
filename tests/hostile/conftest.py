"""What the suite counts and says at its end; how many examples Hypothesis makes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from tests.hostile.extent import EVERYTHING
from tests.mime.corpora import CORPORA

Count = Callable[[str, int], None]

MESSAGES = "hostile messages"
# With the layer that held them: each payload meets each layer.
PAYLOADS = "hostile payloads, "

settings.register_profile(
    "some", max_examples=250, derandomize=True, database=None, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
# New ones each time; a failing one is printed.
settings.register_profile("many", settings.get_profile("some"), max_examples=5_000,
                          derandomize=False, print_blob=True)  # fmt: skip
settings.load_profile("many" if EVERYTHING else "some")


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Count:
    """`count(MESSAGES, 3)` adds to what the suite says at its end, if the test passes."""
    return record_property


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """End with the numbers, whichever process counted them."""
    numbers: dict[str, int] = defaultdict(int)
    for report in terminalreporter.stats.get("passed", []):
        for name, number in report.user_properties:
            numbers[name] += number
    payloads = [number for name, number in numbers.items() if name.startswith(PAYLOADS)]
    failed = sum(len(terminalreporter.stats.get(each, [])) for each in ("failed", "error"))
    if not CORPORA.is_dir():
        terminalreporter.write_line(f"The corpora of other projects are not at {CORPORA}.")
    terminalreporter.write_line(
        f"hostile: {numbers[MESSAGES]} messages, {min(payloads, default=0)} payloads, "
        f"{failed} failed"
    )
