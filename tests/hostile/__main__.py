"""`make hostile`: all hostile mail and HTML there is; see docs/explanation/durability.md.

Ends with "hostile: N messages, M payloads, 0 failed".
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.hostile.counting import Tally


def main(arguments: list[str]) -> int:
    os.environ["HOSTILE"] = "all"
    tally = Tally()
    status = pytest.main([str(Path(__file__).parent), *arguments], plugins=[tally])
    print(tally)  # noqa: T201
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
