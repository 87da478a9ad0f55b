"""How much of the suite runs: a part that fits into `make test`, or all of it (`make hostile`)."""

from __future__ import annotations

import os

EVERYTHING = os.environ.get("HOSTILE") == "all"
