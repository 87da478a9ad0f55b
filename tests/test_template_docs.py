"""docs/reference/templates.md names every template that a site may override, and every block."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "wagtail_mailarchive" / "templates" / "wagtail_mailarchive"
PAGE = (ROOT / "docs" / "reference" / "templates.md").read_text()


def meant_to_be_overridden() -> list[Path]:
    names = [path.relative_to(TEMPLATES) for path in TEMPLATES.rglob("*.*")]
    return sorted(name for name in names if name.parts[0] != "admin")


def row_of(name: Path) -> str:
    """The row of a table that begins with the template's name."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    found = [row for row in rows if re.search(rf"[`/]{re.escape(str(name))}`", row.split(" | ")[0])]
    return found[0] if found else ""


def test_every_template_has_its_row() -> None:
    names = [name for name in meant_to_be_overridden() if name != Path("base.html")]
    assert len(names) > 30
    assert [str(name) for name in names if not row_of(name)] == []


def test_every_block_stands_in_the_row_of_its_template_and_no_other_does() -> None:
    for name in meant_to_be_overridden():
        blocks = re.findall(r"{% block (mailarchive_\w+) %}", (TEMPLATES / name).read_text())
        named = re.findall(r"`(mailarchive_\w+)`", row_of(name))
        assert sorted(blocks) == sorted(named), name


def test_every_template_that_is_named_exists() -> None:
    named = re.findall(
        r"`(?:wagtail_mailarchive/)?((?:includes/|alerts/)?\w+\.(?:html|txt))`", PAGE
    )
    assert [name for name in named if not (TEMPLATES / name).exists()] == []
