"""Address lists (RFC 5322 sections 3.4 and 4.4), as mail programs really write them.

One pass over tokens without backtracking, so that quotes that never end, comments in comments and
routes cost no more than other text. Text is held as Latin-1, one character per byte, until a name
is whole and its encoded words can be decoded.
"""

from __future__ import annotations

import re

from . import limits
from .message import Address
from .words import decode_words

# Encoded words come first: broken programs leave commas and quotes in them.
_WORD = r"(?P<word>=\?[^?\s]{1,64}\?[bBqQ]\?[^?]*\?=)"
_QUOTED = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_OTHERS = (
    r'|(?P<unclosed>")'
    r"|(?P<special>[()<>,;:])"
    r'|(?P<atom>(?:[^\s"()<>,;:=]|=(?!\?))+|=)'
    r"|(?P<blank>\s+)"
)
_TOKEN = re.compile(_WORD + rf"|(?P<quoted>{_QUOTED})" + _OTHERS, re.DOTALL)
# For the rest of a field whose quotes turned out to have no end.
_TOKEN_WITHOUT_QUOTES = re.compile(_WORD + _OTHERS, re.DOTALL)
_UNQUOTE = re.compile(_QUOTED, re.DOTALL)
_PARENTHESIS = re.compile(r"\\.|[()]", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_AROUND_DOTS = re.compile(r" ?([@.]) ?")


def read_addresses(values: list[bytes], defects: set[str]) -> list[Address]:
    """Return the mailboxes of all occurrences of a field, groups flattened, in order."""
    found: list[Address] = []
    for value in values:
        found += _AddressList(value.decode("latin-1")).mailboxes
    if len(found) > limits.ADDRESSES:
        defects.add("too-many-addresses")
    return found[: limits.ADDRESSES]


class _AddressList:
    """One field being read; `mailboxes` holds what was found."""

    def __init__(self, text: str) -> None:
        self.mailboxes: list[Address] = []
        self._start()
        tokens = _TOKEN
        comments = True  # until one turns out to have no end
        position = 0
        while token := tokens.match(text, position):
            kind, value = token.lastgroup, token[0]
            position = token.end()
            if kind == "unclosed":
                tokens = _TOKEN_WITHOUT_QUOTES
            elif kind == "special":
                if value == "(" and comments:
                    end = _end_of_comment(text, position)
                    if comments := end > 0:
                        self._comment = text[position : end - 1]
                        position = end
                else:
                    self._special(value)
            else:
                self._add(" " if kind == "blank" else value)
        self._finish()

    def _start(self) -> None:
        self._phrase: list[str] = []
        self._angle: list[str] = []
        self._in_angle = self._had_angle = False
        self._comment = ""

    def _add(self, piece: str) -> None:
        if self._in_angle:
            if piece != " ":
                self._angle.append(piece)
            return
        if self._had_angle and piece != " ":
            self._finish()  # a comma is missing between two mailboxes
        self._phrase.append(piece)

    def _special(self, mark: str) -> None:
        if self._in_angle:
            if mark == ">":
                self._in_angle = False
            elif mark == ":" or (mark == "," and self._angle[:1] and self._angle[0][0] == "@"):
                self._angle.append(mark)  # a route, RFC 5322 section 4.4
            elif mark in ",;":
                self._finish()  # ">" is missing
        elif mark == "<":
            if self._had_angle:
                self._finish()
            self._in_angle = self._had_angle = True
        elif mark == ":":
            self._start()  # what came before is a group's name
        elif mark in ",;":
            self._finish()

    def _finish(self) -> None:
        phrase = "".join(self._phrase).strip()
        if self._had_angle:
            address = _without_route("".join(self._angle))
            name = phrase
        elif phrase.startswith('"') and '"@' in phrase:
            address, name = phrase, ""
        elif "@" in phrase:
            words = _AROUND_DOTS.sub(r"\1", phrase).split(" ")
            address = words.pop(next(at for at, word in enumerate(words) if "@" in word))
            name = " ".join(words)
        else:
            address, name = "", phrase
        shown = _decoded(name or self._comment)
        if address.startswith('"') and address.endswith('"'):
            address = _ESCAPED.sub(r"\1", address[1:-1])
        if not _is_plain(address):
            address = decode_words(address.encode("latin-1"))
        if shown or address:
            self.mailboxes.append(Address(shown, address))
        self._start()


def _end_of_comment(text: str, start: int) -> int:
    """Return the offset behind the comment that began before `start`, 0 if it has no end."""
    depth = 1
    for mark in _PARENTHESIS.finditer(text, start):
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
        if not depth:
            return mark.end()
    return 0


def _without_route(address: str) -> str:
    if address.startswith("@"):
        address = address.rpartition(":")[2] or address
    return address.removeprefix("mailto:")


def _decoded(name: str) -> str:
    """A display name without quoting, its encoded words decoded, in one line."""
    if _is_plain(name) and '"' not in name and "\\" not in name:
        return name.strip()
    if '"' in name:
        name = _UNQUOTE.sub(lambda quoted: quoted[0][1:-1], name)
    if "\\" in name:
        name = _ESCAPED.sub(r"\1", name)
    return " ".join(decode_words(name.encode("latin-1")).split())


def _is_plain(text: str) -> bool:
    """Whether nothing in `text` is encoded; most of it is so."""
    return text.isascii() and "=?" not in text and text.isprintable()
