"""`make faults`: every fault at every crossing, and all others; see docs/explanation/durability.md.

Ends with "faults: N survived, 0 failed".
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest


class Tally:
    """Counts the tests of all processes."""

    def __init__(self) -> None:
        self.survived = 0
        self.failed = 0

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed += 1

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed += 1
        elif report.when == "call" and report.passed:
            self.survived += 1


def main(arguments: list[str]) -> int:
    os.environ["FAULTS"] = "all"
    tally = Tally()
    status = pytest.main([str(Path(__file__).parent), *arguments], plugins=[tally])
    print(f"faults: {tally.survived} survived, {tally.failed} failed")  # noqa: T201
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
