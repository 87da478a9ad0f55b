"""A message -> its row of `MessageText`, so that all who write one write the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...mime.message import ParsedMessage
from ...models.message_text import scope_of, sort_key
from . import marks
from .words import cjk_words

COLUMNS = (
    *("id", "message_id", "scope", "subject", "people", "body", "folder_id", "size"),
    *("has_attachment", "sender", "list_id", "files", "marks", "cjk", "attached"),
)
ATTACHED = COLUMNS.index("attached")
MARKS = COLUMNS.index("marks")
# Beyond this an address list is a bomb or a mistake; the original has it whole.
_PEOPLE = 20_000
_FILES = 10_000
# As far as PostgreSQL indexes a text, so that both databases find the same.
_CJK_TEXT = 150_000
_CJK_WORDS = 12_000


def text_row(
    message_id: int, values: Mapping[str, Any], parsed: ParsedMessage, attached: str = ""
) -> list[Any]:
    """Return the columns of `COLUMNS`; the first, the key, may have to make way for an equal one.

    Args:
        values: see `records.message_values`.
        attached: the text inside its attachments.
    """
    people = people_words(parsed)
    files = file_names(part.filename for part in parsed.attachments)
    return [
        sort_key(values["sorted_at"], message_id),
        message_id,
        scope_of(values["folder_id"]),
        parsed.subject,
        people,
        parsed.text,
        values["folder_id"],
        values["size"],
        bool(values["attachment_count"]),
        values["sender_address"].lower(),
        values["list_id"],
        files,
        marks_of(values, parsed.subject, files),
        cjk_of(parsed.subject, people, files, parsed.text, attached),
        attached,
    ]


def marks_of(values: Mapping[str, Any], subject: str, files: str) -> str:
    """Return the marks of a message of these `values`."""
    return marks.of_message(
        addresses=values["addresses"],
        sender=values["sender_address"].lower(),
        list_id=values["list_id"],
        size=values["size"],
        has_attachment=bool(values["attachment_count"]),
        subject=subject,
        files=files,
    )


def cjk_of(*texts: str) -> str:
    """Return the column `cjk` of these texts, in the order in which they are worth it."""
    found: list[str] = []
    for text in texts:
        found += cjk_words(text[:_CJK_TEXT], _CJK_WORDS - len(found))
    return " ".join(found)


def file_names(names: Iterable[str]) -> str:
    """Return the column `files` of these names."""
    return "\n".join(name for name in names if name)[:_FILES]


def people_words(parsed: ParsedMessage) -> str:
    """Return names, addresses and the addresses' parts.

    PostgreSQL takes "user77@example.org" for one word and would not find "user77".
    """
    words: list[str] = []
    length = 0
    for person in (*parsed.from_, *parsed.to, *parsed.cc, *parsed.bcc, *parsed.reply_to):
        entry = " ".join((person.name, person.address, *re.split(r"[^\w]+", person.address)))
        length += len(entry) + 1
        if length > _PEOPLE:
            break
        words.append(entry)
    return "\n".join(words)
