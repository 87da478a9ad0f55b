"""Mail of other projects beside the checkout; nothing of it is copied into ours."""

from __future__ import annotations

from pathlib import Path

import pytest

CORPORA = Path(__file__).resolve().parents[2].parent / "shared" / "corpora"
STALWART = CORPORA / "stalwart-mail-parser" / "resources" / "eml"

needs_corpora = pytest.mark.skipif(
    not CORPORA.is_dir(), reason=f"the corpora of other projects are not at {CORPORA}"
)


def every_file() -> list[Path]:
    """Return all files, mail or not: anything may be thrown at the parser."""
    return sorted(path for path in CORPORA.rglob("*") if path.is_file())
