"""Hints that end in the exact block to paste.

Every block is Python for the end of the settings file (or of the URLconf, where the sentence says
so): it changes what stands above it and leaves the rest alone.
"""

from __future__ import annotations

from textwrap import indent


def paste(sentence: str, block: str) -> str:
    """Return a hint: `sentence`, an empty line, and `block` indented by four spaces."""
    return f"{sentence}\n\n{indent(block, '    ')}\n"


def assignment(target: str, values: dict[str, object]) -> str:
    """Return Python that assigns a dictionary to `target`, one entry a line."""
    return f"{target} = {{\n{_entries(values)}}}"


def update(target: str, values: dict[str, object]) -> str:
    """Return Python that updates the dictionary `target`, one entry a line."""
    return f"{target}.update(\n    {{\n{indent(_entries(values), '    ')}    }}\n)"


def _entries(values: dict[str, object]) -> str:
    return "".join(f"    {_quoted(key)}: {_quoted(value)},\n" for key, value in values.items())


def _quoted(value: object) -> str:
    # Black's and Wagtail's own settings use double quotes.
    return f'"{value}"' if isinstance(value, str) else repr(value)
