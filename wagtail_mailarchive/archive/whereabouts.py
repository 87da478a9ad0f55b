"""“Where is my mail?”: what the archive knows of one message, by what people know of it.

By Message-ID, subject, sender or date, each answered by an index; envelopes, of which there are
few, are looked through.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from ..mime.dates import is_date, read_date
from ..mime.message import storable
from ..models import (
    EmailMessagePage,
    LedgerEntry,
    MessageText,
    Outcome,
    Tombstone,
    TrashEntry,
)
from ..models.reference import message_id_digest
from .search import find_heads

# Hits of one question; who gets more has to say more.
MOST = 50
# Of the index: asked for at first, and looked at at once.
_FIRST = MOST + 1
_KEYS_AT_ONCE = 200
# Of the trash, without an index.
_LOOKED_THROUGH = 5_000
_OF_ENVELOPE = ("envelope__subject", "envelope__sender")
_OF_MESSAGE = ("message__subject", "message__sender_name", "message__sender_address")
_SHA256 = re.compile("[0-9a-f]{64}")
_LONGEST = 2_000  # characters of a question
_MOST_WORDS = 20
_HEADER = re.compile(r"\s*(message-id|subject|from|date|sender)\s*:\s*", re.IGNORECASE)
_IN_ANGLES = re.compile(r"<([^<>\s]+)>")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CENTURY = 100 * 365 * 86_400  # seconds, before and after 1970; twice as many after


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody pasted, read in every way that it can be meant.

    Attributes:
        message_ids: what may be a Message-ID, without angle brackets.
        words: of a subject or sender; "" where a date is meant.
        day: in the asker's zone; None where none is meant.
    """

    message_ids: Sequence[str]
    words: str
    day: date | None

    @classmethod
    def read(cls, text: str) -> Question:
        """Return what `text` may mean: a whole header line, a date as people write it, or words.

        Words that have a date among them are words, e.g. the subject of an invitation.
        """
        text = storable(text[:_LONGEST]).strip()
        header = _HEADER.match(text)
        name = header[1].lower() if header else ""
        value = text[header.end() :].strip() if header else text
        day = _day(value, is_field=name == "date") if name in ("", "date") else None
        ids = _IN_ANGLES.findall(value)
        if not ids and value and not re.search(r"\s", value):
            ids = [value]
        words = "" if day or name == "message-id" else value
        return cls(ids if name in ("", "message-id") else [], words, day)


def _day(text: str, *, is_field: bool) -> date | None:
    """Return the day that `text` names.

    Args:
        is_field: whether it is a Date field, so that what stands beside the date does not matter.
    """
    try:
        found: date | None = forms.DateField(localize=True).to_python(text)
    except ValidationError:
        if not is_field and not is_date(text):
            return None
        seconds, _ = read_date(text.encode("utf-8", "replace"))
    else:
        return found if found and 1900 < found.year < 2200 else None
    if seconds is None or not -_CENTURY < seconds < 2 * _CENTURY:
        return None
    # As the page of the message shows it.
    return timezone.localtime(_EPOCH + timedelta(seconds=seconds)).date()


def find_messages(
    question: Question, messages: QuerySet[EmailMessagePage], folder_ids: Collection[int]
) -> list[EmailMessagePage]:
    """Return the newest messages that `question` may mean: `MOST`, and one more if there is one.

    Args:
        messages: those that may be found.
        folder_ids: where they are; for the index.
    """
    within = messages.filter(folder__in=folder_ids).select_related("folder")
    within = within.order_by("-sorted_at", "-pk")
    named = within.filter(_named(question.message_ids))[: MOST + 1]
    found = {each.pk: each for each in named if each.message_id in question.message_ids}
    if not found and question.words:
        found = _with_words(question.words, within, folder_ids)
    if question.day is not None:
        day = within.filter(sorted_at__range=_bounds(question.day))
        found |= {each.pk: each for each in day[: MOST + 1]}
    newest = sorted(found.values(), key=lambda each: (each.sorted_at, each.pk), reverse=True)
    return newest[: MOST + 1]


def _with_words(
    words: str, within: QuerySet[EmailMessagePage], folder_ids: Collection[int]
) -> dict[int, EmailMessagePage]:
    """Return the newest of `within` that have all of `words` in subject or people, by key.

    The index knows folders only, and not what else of them may be found: so it is asked for more
    until there are enough.
    """
    found: dict[int, EmailMessagePage] = {}
    seen, limit = 0, _FIRST
    while len(found) <= MOST:
        keys = find_heads(folder_ids, words, limit=limit)
        for start in range(seen, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            texts = MessageText.objects.filter(pk__in=some).values("message")
            # Not in order, so that the database looks up these and does not walk through all.
            found |= {each.pk: each for each in within.filter(pk__in=texts).order_by()}
            if len(found) > MOST:
                break
        if len(keys) < limit:
            break
        seen, limit = len(keys), 4 * limit
    return found


def find_in_trash(question: Question, folder_ids: Collection[int]) -> list[TrashEntry]:
    """Return the latest entries of these folders' trash that `question` may mean: `MOST`, and one.

    By Message-ID all are found. No index knows what else is said in the trash, so of the rest only
    the latest `_LOOKED_THROUGH` are looked through.
    """
    if not folder_ids:
        return []
    entries = TrashEntry.objects.filter(folder__in=folder_ids).order_by("-pk")
    asked = Q(pk__in=[])
    for words in _words(question.words, *_OF_MESSAGE):
        asked |= words
    if question.day is not None:
        asked |= Q(message__sorted_at__range=_bounds(question.day))
    oldest = entries.values_list("pk", flat=True)[_LOOKED_THROUGH : _LOOKED_THROUGH + 1].first()
    if oldest is not None:
        asked &= Q(pk__gt=oldest)
    asked |= _named(question.message_ids, "message__")
    found = entries.filter(asked).select_related("message__folder", "user").defer("text")
    return list(found[: MOST + 1])


def find_tombstones(question: Question, folder_ids: Collection[int]) -> list[Tombstone]:
    """Return the tombstones in these folders of an original that `question` names by SHA-256."""
    name = question.words.strip().lower()
    if not folder_ids or not _SHA256.fullmatch(name):
        return []
    stones = Tombstone.objects.filter(sha256=name, folder__in=folder_ids)
    return list(stones.select_related("folder", "user").order_by("-pk")[: MOST + 1])


def find_envelopes(question: Question, entries: QuerySet[LedgerEntry]) -> list[LedgerEntry]:
    """Return the latest entries without a page that `question` may mean: `MOST`, and one more.

    Args:
        entries: those that may be found.
    """
    asked = _named(question.message_ids, "envelope__")
    for words in _words(question.words, *_OF_ENVELOPE):
        asked |= words
    if question.day is not None:
        bounds = _bounds(question.day)
        asked |= Q(envelope__sent_at__range=bounds)
        asked |= Q(envelope__sent_at=None, received_at__range=bounds)
    found = entries.filter(asked, envelope__isnull=False, message=None)
    return list(found.select_related("envelope").order_by("-pk")[: MOST + 1])


def not_read(entries: QuerySet[LedgerEntry]) -> dict[str, int]:
    """Return how many of `entries` were not read here, by outcome; few have a subject to find."""
    unread = entries.filter(outcome__in=[Outcome.WAITING, Outcome.EXCLUDED]).order_by()
    return dict(unread.values_list("outcome").annotate(number=Count("pk")))


def _named(message_ids: Iterable[str], prefix: str = "") -> Q:
    """Return the condition of being called by one of these; an impossible one for none."""
    found = Q(pk__in=[])
    for name in message_ids:
        found |= Q(**{f"{prefix}message_id_digest": message_id_digest(name)})
    return found


def _words(text: str, *columns: str) -> Iterator[Q]:
    """Yield the condition that each of the words stands in one of `columns`."""
    words = [word.strip("<>\"',;:()") for word in text.split()[:_MOST_WORDS]]
    if not any(words):
        return
    condition = Q()
    for bare in filter(None, words):
        somewhere = Q()
        for column in columns:
            somewhere |= Q(**{f"{column}__icontains": bare})
        condition &= somewhere
    yield condition


def _bounds(day: date) -> tuple[datetime, datetime]:
    start = timezone.make_aware(datetime.combine(day, time.min))
    return start, timezone.make_aware(datetime.combine(day, time.max))
