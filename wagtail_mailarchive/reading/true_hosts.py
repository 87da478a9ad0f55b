"""Where a link really leads, for links whose text names another place.

A host is told in ASCII (RFC 5890's A-labels): letters that only look like others, and marks that
turn the direction of text, cannot hide in it.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

import idna

MAX_TEXT = 300  # characters of a link's text that are looked at
_MAX_HOST = 253

# Names of places in a text: with a scheme, "www.", or what is the whole of the text.
_NAMED = re.compile(r"(?:https?:[/\\]{1,2}|(?<![\w.])(?=www\.))([^\s/\\?#<>\"]+)", re.IGNORECASE)
_WHOLE = re.compile(r"((?:[^\s./?#@:]{1,63}\.){1,10}[^\W\d_]{2,63}\.?(?::\d{1,5})?)(?:[/?#]\S*)?")
_MAILBOX = re.compile(r"[^\s<>@,;:]+@[\w.-]+")
_AUTHORITY = re.compile(r"(https?):[/\\]*([^/\\?#]*)", re.IGNORECASE)
_AROUND = " \t\n\r<>()[]{}\"'“”‘’«».,;:!"
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def true_place(target: str, text: str) -> str:
    """Return the host, or for mailto: the address, that `target` leads to if `text` names another.

    "" where the text names none or the very one; "www." in front makes no difference. Where the
    name has letters beyond ASCII its ASCII form is told, even if it is the same.

    Args:
        target: an address as `sanitizing.addresses.link` returns it.
        text: what the link shows; its first `MAX_TEXT` characters count.
    """
    text = text[:MAX_TEXT]
    shown = _visible(text).strip(_AROUND)
    if target[:7].lower() == "mailto:":
        mailbox = unquote(target[7:].partition("?")[0]).strip()
        if _MAILBOX.fullmatch(shown) and shown.casefold() != mailbox.casefold():
            return _ascii(mailbox)
        return ""
    found = _AUTHORITY.match(target)
    if found is None:
        return ""
    authority = unquote(found[2])
    host = _host(authority)
    names = _NAMED.findall(shown)
    if not names and (whole := _WHOLE.fullmatch(shown)):
        names = [whole[1]]
    if not names:
        return ""
    is_true = all(_is_plain(each) and _same(_host(each), host) for each in names)
    return "" if is_true and not _DIRECTION.search(text) else host


def _visible(text: str) -> str:
    """Return `text` without characters of no width, compatibility forms resolved."""
    kept = "".join(each for each in text if unicodedata.category(each) != "Cf")
    return unicodedata.normalize("NFKC", kept)


def _is_plain(authority: str) -> bool:
    """Whether the name reads as what it is: ASCII, and no user name in front of the host."""
    return authority.isascii() and "@" not in authority


def _same(one: str, other: str) -> bool:
    return one.removeprefix("www.") == other.removeprefix("www.")


def _host(authority: str) -> str:
    """Return the host of an authority (RFC 3986 section 3.2) in lower-case ASCII."""
    host = authority.rpartition("@")[2]
    host = re.sub(r":\d{0,5}$", "", host).rstrip(".,;:!").lower()[:_MAX_HOST]
    if host.isascii():
        return _ascii(host)
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return _ascii(host)  # no name that could be looked up, an emoji for instance


def _ascii(text: str) -> str:
    """Return `text` in printable ASCII."""
    plain = text.encode("ascii", "backslashreplace").decode("ascii")
    return "".join(each if each.isprintable() else "?" for each in plain)
