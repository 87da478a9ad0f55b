"""Authentication-Results (RFC 8601): what servers on the way found out about a message.

The sender can write such fields, too. Which servers are believed is decided where they are shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .details import Reported

# Nobody honest has more; the topmost, which are the last written, count.
FIELDS = 10
RESULTS = 40
_CHARACTERS = 255

# A quoted string, an escaped character, a bracket of a comment, or anything else.
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*+"?|\\.|[()]|[^()"\\]+|\\', re.DOTALL)
_SEMICOLON = re.compile(r'((?:"(?:[^"\\]|\\.)*+"?|[^";])*+)(?:;|\Z)', re.DOTALL)
_WORD = re.compile(r'\s*("(?:[^"\\]|\\.)*+"?|[^\s"]+)', re.DOTALL)
_METHOD = re.compile(r"\s*([\w-]{1,40})\s*(?:/\s*\d{1,9}\s*)?=\s*([\w-]{1,40})")
_PROPERTY = re.compile(
    r'(?<![\w.-])([\w-]{1,40}\.[\w-]{1,40})\s*=\s*("(?:[^"\\]|\\.)*+"?|[^\s;"]+)', re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# What each method's result is about, the best first.
_ABOUT = {
    "dkim": ("header.d", "header.i"),
    "spf": ("smtp.mailfrom", "smtp.helo"),
    "dmarc": ("header.from",),
    "iprev": ("policy.iprev",),
    "auth": ("smtp.auth", "smtp.mailfrom"),
    "smime": ("body.smime-identifier",),
}


def read_results(values: Iterable[bytes]) -> list[Reported]:
    """Return the results of unfolded field values, in their order; never raises."""
    found: list[Reported] = []
    for number, value in enumerate(list(values)[:FIELDS]):
        found += _of_field(number, value.decode("utf-8", "replace"))
    return found[:RESULTS]


def _of_field(number: int, text: str) -> Iterator[Reported]:
    first, *others = (match[1] for match in _SEMICOLON.finditer(_without_comments(text)))
    word = _WORD.match(first)
    if word is None:
        return
    server = _plain(word[1]).lower()
    for each in others:
        method = _METHOD.match(each)
        if method is None:  # "none", or the end
            continue
        name = method[1].lower()
        properties = {key.lower(): value for key, value in _PROPERTY.findall(each, method.end())}
        about = next((properties[key] for key in _ABOUT.get(name, ()) if key in properties), "")
        result = method[2].lower()
        yield Reported(server, name, result, _plain(about).removeprefix("@"), number)


def _without_comments(text: str) -> str:
    kept: list[str] = []
    depth = 0
    for piece in _PIECE.findall(text):
        if piece == "(":
            depth += 1
        elif piece == ")" and depth:
            depth -= 1
            kept.append(" ")
        elif not depth:
            kept.append(piece)
    return "".join(kept)


def _plain(value: str) -> str:
    if value.startswith('"'):
        value = _ESCAPED.sub(r"\1", value.strip('"'))
    return " ".join(value.split())[:_CHARACTERS]
