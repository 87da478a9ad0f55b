"""Words of the index that are ours: what a search asks beside text.

A filter that is a word of the index costs what a word costs, however rare or common it is; one
that looks at rows would walk through all hits. Mail may hold these very words, so the index keeps
them where no text comes.

    all                 every message, for "all but"
    attachment          has one
    size23              its size has 23 bits: from 4 to 8 MiB
    fromada, toada      a word of the sender's, of a recipient's name or address
    sender0f3a...       the digest of the sender's whole address
    listusers           a word of the List-Id
    tag0f3a...          the digest of a tag's words
    subject東京, file東京  where the engine's own fields would see but one word
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2s

from .words import MAX_WORD, has_cjk, name_words

EVERY = "all"
ATTACHMENT = "attachment"
# Beyond this a list of recipients is no help to whoever looks for one of them.
_MOST_RECIPIENT_WORDS = 300
_MOST_NAME = 2_000  # characters
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


def of_message(
    *,
    addresses: Mapping[str, Sequence[Sequence[str]]],
    sender: str,
    list_id: str,
    size: int,
    has_attachment: bool,
    subject: str,
    files: str,
) -> str:
    """Return the marks of one message, separated by single spaces.

    Args:
        addresses: see `EmailMessagePage.addresses`.
        sender: its address in lower case.
        files: names, one a line.
    """
    found = [EVERY, size_mark(size)]
    if has_attachment:
        found.append(ATTACHMENT)
    if sender:
        found.append(sender_mark(sender))
    found += _tagged("from", _people(addresses, "from"))
    found += _tagged("to", _people(addresses, "to", "cc", "bcc"))[:_MOST_RECIPIENT_WORDS]
    found += _tagged("list", [list_id])
    if has_cjk(subject):
        found += _tagged("subject", [subject])
    if has_cjk(files):
        found += _tagged("file", [files])
    return " ".join(dict.fromkeys(found))


def size_mark(size: int) -> str:
    """Return the mark of `size` bytes."""
    return f"size{size.bit_length()}"


def sizes_above(size: int) -> list[str]:
    """Return the marks of all messages larger than `size`; of the first not all are."""
    return [f"size{bits}" for bits in range(size.bit_length(), 64)]


def sender_mark(address: str) -> str:
    """Return the mark of a whole address."""
    return f"sender{blake2s(address.lower().encode('utf-8', 'replace'), digest_size=8).hexdigest()}"


def tag_mark(key: str) -> str:
    """Return the mark of a tag by `MailTag.key`."""
    return f"tag{blake2s(key.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"


def tag_marks(marks: str) -> list[str]:
    """Return those of a message's marks that are of tags."""
    # Few messages have any, and all are asked.
    return [each for each in marks.split() if each.startswith("tag")] if " tag" in marks else []


def with_tags(marks: str, before: str) -> str:
    """Return `marks`, made of the message alone, with the tags that it had `before`."""
    return " ".join([*marks.split(), *tag_marks(before)])


def is_whole_address(text: str) -> bool:
    return _ADDRESS.fullmatch(text) is not None


def _people(addresses: Mapping[str, Sequence[Sequence[str]]], *headers: str) -> Iterator[str]:
    for header in headers:
        for name, address in addresses.get(header, ()):
            yield name
            yield address


def _tagged(tag: str, texts: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for text in texts:
        for word in name_words(text[:_MOST_NAME]):
            found[tag + word[:MAX_WORD]] = None
        if len(found) >= _MOST_RECIPIENT_WORDS:
            break
    return list(found)
