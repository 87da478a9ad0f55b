"""Reading catalogues, and the sources that they translate, without GNU gettext.

What `make messages` extracts by xgettext is found here by Python's own parser, so that the two
can be held against each other, and the tests need no program that may be missing.
"""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.translation.template import templatize

PACKAGE = Path(__file__).resolve().parents[1] / "wagtail_mailarchive"
_LITERAL = r"""u?(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
_CALL = re.compile(rf"\b(_|n?p?gettext)\(\s*((?:{_LITERAL}\s*,?\s*)+)")
_WITH_CONTEXT = {"pgettext", "pgettext_lazy", "npgettext", "npgettext_lazy"}
_FUNCTIONS = _WITH_CONTEXT | {
    "_",
    "gettext",
    "gettext_lazy",
    "gettext_noop",
    "ngettext",
    "ngettext_lazy",
}


# Context (or None), and English.
Key = tuple[str | None, str]


@dataclass
class Entry:
    """One entry of a .po file; `forms` holds one where there is no plural, under 0."""

    context: str | None = None
    english: str = ""
    plural: str | None = None
    forms: dict[int, str] = field(default_factory=dict)
    is_fuzzy: bool = False

    @property
    def key(self) -> Key:
        return (self.context, self.english)


def catalogue(language: str) -> Path:
    return PACKAGE / "locale" / language / "LC_MESSAGES" / "django.po"


def read(path: Path) -> tuple[str, list[Entry]]:
    """Return the header of a .po file, and its entries."""
    found = [_entry(block) for block in path.read_text(encoding="utf-8").split("\n\n")]
    return found[0].forms[0], found[1:]


def _entry(block: str) -> Entry:
    entry, values, keyword = Entry(), dict[str, str](), ""
    for line in block.strip().splitlines():
        if line.startswith("#"):
            assert not line.startswith("#~"), f"an obsolete entry: {line}"
            entry.is_fuzzy |= line.startswith("#,") and "fuzzy" in line
            continue
        if not line.startswith('"'):
            keyword, line = line.split(" ", 1)
            values[keyword] = ""
        values[keyword] += ast.literal_eval(line)
    entry.context = values.pop("msgctxt", None)
    entry.english = values.pop("msgid")
    entry.plural = values.pop("msgid_plural", None)
    for name, text in values.items():
        entry.forms[int(name.removeprefix("msgstr").strip("[]") or 0)] = text
    return entry


def compiled(path: Path) -> dict[str, str]:
    """Return what the .mo file beside `path` holds: English -> translation.

    A plural stands under its English, a NUL and the number of the form; the header under "".
    """
    with path.with_suffix(".mo").open("rb") as opened:
        found = gettext.GNUTranslations(opened)
    # No method lists what a catalogue holds.
    held: dict[str | tuple[str, int], str] = found._catalog  # type: ignore[attr-defined]
    return {key if isinstance(key, str) else f"{key[0]}\0{key[1]}": held[key] for key in held}


# -- the sources -----------------------------------------------------------------------------


def in_sources() -> dict[Key, set[str]]:
    """Return (context, English) -> the files where it stands; plurals by their singular."""
    found: dict[Key, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for key in _in_python(path.read_text(encoding="utf-8")):
            found.setdefault(key, set()).add(str(path.relative_to(PACKAGE)))
    for path in templates():
        for key in _in_template(path.read_text(encoding="utf-8")):
            found.setdefault(key, set()).add(str(path.relative_to(PACKAGE)))
    return found


def templates() -> list[Path]:
    return sorted(path for path in (PACKAGE / "templates").rglob("*") if path.is_file())


def _in_python(text: str) -> Iterator[Key]:
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name not in _FUNCTIONS:
            continue
        texts = [each.value for each in node.args if isinstance(each, ast.Constant)]
        if texts:  # a name is translated where it was marked
            yield _key(name, [str(each) for each in texts])


def _in_template(text: str) -> Iterator[Key]:
    for call in _CALL.finditer(templatize(text)):
        texts = [ast.literal_eval(each) for each in re.findall(_LITERAL, call[2])]
        yield _key(call[1], texts)


def _key(function: str, texts: list[str]) -> Key:
    return (texts[0], texts[1]) if function in _WITH_CONTEXT else (None, texts[0])
