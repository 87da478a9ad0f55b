"""Content-Type and Content-Disposition: a value and its parameters (RFC 2045, 2183, 2231)."""

from __future__ import annotations

import re

from . import limits
from .charset import decode
from .words import decode_words

_PARAMETER = re.compile(
    # A missing semicolon is forgiven. Each run of blanks is tried once, from its first.
    r"(?:;\s*|(?<![\s;])\s+)(?P<name>[^\s=;\"()]{1,80})\s*=\s*"
    r'(?:"(?P<quoted>[^"\\]*(?:\\.[^"\\]*)*)(?:"|\\?\Z)|(?P<bare>[^;]*))',
    re.DOTALL,
)
_HEAD = re.compile(r"[^;\s(]*")
_CONTINUED = re.compile(r"(?P<name>[^*]+)(?:\*(?P<index>\d{1,4}))?(?P<encoded>\*)?")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}")

# What turns the direction of text, hides in it or breaks its line: "gpj.exe" behind a
# right-to-left override reads "exe.jpg".
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+"
)

Parameters = dict[str, str]


def read_parameters(value: bytes) -> tuple[str, Parameters]:
    """Return the value in lower case, and its parameters decoded, by lower-case name.

    "boundary" alone stays as it is, one character per byte (Latin-1): it is compared with bytes.
    """
    text = value.decode("latin-1")
    found = _HEAD.match(text)
    head = found[0].lower() if found else ""
    if "=" not in text:
        return head, {}
    plain: Parameters = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for count, match in enumerate(_PARAMETER.finditer(text, len(head))):
        if count == limits.PARAMETERS:
            break
        name, raw = match["name"].lower(), match["bare"]
        if raw is None:
            raw = match["quoted"]
            raw = _ESCAPED.sub(r"\1", raw) if "\\" in raw else raw
        else:
            raw = raw.strip()
        if "*" not in name:
            plain.setdefault(
                name, raw if name == "boundary" else decode_words(raw.encode("latin-1"))
            )
        elif continued := _CONTINUED.fullmatch(name):
            segments = pieces.setdefault(continued["name"], {})
            index = int(continued["index"] or 0)
            segments.setdefault(index, (raw, continued["encoded"] is not None))
    for name, segments in pieces.items():  # preferred to a plain one, RFC 6266 section 4.3
        plain[name] = _joined(segments)
    return head, plain


def _joined(segments: dict[int, tuple[str, bool]]) -> str:
    """The value of a continued or encoded parameter (RFC 2231 sections 3 and 4)."""
    charset = ""
    content = []
    for position, index in enumerate(sorted(segments)):
        text, encoded = segments[index]
        if encoded and position == 0 and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        piece = text.encode("latin-1")
        content.append(_unescaped(piece) if encoded else piece)
    return decode(b"".join(content), charset)


def _unescaped(text: bytes) -> bytes:
    return _PERCENT.sub(lambda match: bytes((int(match[1], 16),)), text)


def read_content_type(value: bytes, default: str) -> tuple[str, Parameters]:
    """Return ("type/subtype", parameters); `default` where the type is unusable."""
    kind, parameters = read_parameters(value)
    return (kind if _TYPE.fullmatch(kind) else default), parameters


def clean_filename(name: str) -> str:
    """Return a name fit to be shown and offered for saving: one line, no folders, no tricks."""
    name = _HIDDEN.sub(" ", name).replace("\\", "/").rpartition("/")[2]
    name = " ".join(name.split()).strip(". ")
    if len(name) <= limits.FILENAME_CHARACTERS:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > 20:
        return name[: limits.FILENAME_CHARACTERS]
    return stem[: limits.FILENAME_CHARACTERS - len(suffix) - 1] + dot + suffix
