"""“Reply in your mail program”: a mailto: address (RFC 6068) that stays in the thread."""

from __future__ import annotations

import re
from urllib.parse import quote

from ..models import EmailMessagePage

# Longer ones are cut by mail programs and by Windows.
MAX_LENGTH = 1_900
_PEOPLE = 10
_SUBJECT = 300  # characters
_ADDRESS = re.compile(r"[^\s<>@,;:\"\\]{1,200}@[^\s<>@,;:\"\\]{1,250}")
_ANSWER = re.compile(r"\s*re\s*:", re.IGNORECASE)
_MSG_ID = re.compile(r"[!-;=?-~]{1,500}")  # printable, no angle brackets (RFC 5322 section 3.6.4)


def reply_link(message: EmailMessagePage) -> str:
    """Return the address that answers to Reply-To or else From; "" if neither names anybody."""
    people = message.address_list("reply_to") or message.address_list("from")
    to = [each.address for each in people if _ADDRESS.fullmatch(each.address)][:_PEOPLE]
    if not to:
        return ""
    subject = " ".join(message.subject.split())[:_SUBJECT]
    link = "mailto:" + ",".join(quote(each, safe="@") for each in to)
    link += "?Subject=" + quote(subject if _ANSWER.match(subject) else f"Re: {subject}", safe="")
    if not _MSG_ID.fullmatch(message.message_id):
        return link
    answered = quote(f"<{message.message_id}>", safe="")
    link += f"&In-Reply-To={answered}"
    return link + _references(message, len(link))


def _references(message: EmailMessagePage, length: int) -> str:
    """Return References: the first, which begins the thread, and as many of the last as fit."""
    above = [each for each in message.references or message.in_reply_to if _MSG_ID.fullmatch(each)]
    names = list(dict.fromkeys([*above, message.message_id]))
    kept = [names.pop()]
    first = names.pop(0) if names else None
    while names and length + len(_field([first, names[-1], *kept])) <= MAX_LENGTH:
        kept.insert(0, names.pop())
    with_first = _field([first, *kept])
    return with_first if length + len(with_first) <= MAX_LENGTH else ""


def _field(names: list[str | None]) -> str:
    return "&References=" + quote(" ".join(f"<{name}>" for name in names if name), safe="")
