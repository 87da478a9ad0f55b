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
from django.db.models import Q, QuerySet
from django.utils import timezone

from ..mime.dates import read_date
from ..mime.message import storable
from ..models import EmailMessagePage, LedgerEntry, MessageText, Outcome
from ..models.reference import message_id_digest
from .search import find_heads

# Hits of one question; who gets more has to say more.
MOST = 50
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
        """Return what `text` may mean: a whole header line, a date as people write it, or words."""
        text = storable(text[:_LONGEST]).strip()
        header = _HEADER.match(text)
        name = header[1].lower() if header else ""
        value = text[header.end() :].strip() if header else text
        day = None if name in ("subject", "from", "sender", "message-id") else _day(value)
        ids = _IN_ANGLES.findall(value)
        if not ids and value and not re.search(r"\s", value):
            ids = [value]
        words = "" if day or name == "message-id" else value
        return cls(ids if name in ("", "message-id") else [], words, day)


def _day(text: str) -> date | None:
    try:
        found: date | None = forms.DateField(localize=True).to_python(text)
    except ValidationError:
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
    """Return the newest messages that `question` may mean, at most `MOST`.

    Args:
        messages: those that may be found.
        folder_ids: where they are; for the index.
    """
    within = messages.filter(folder__in=folder_ids).select_related("folder")
    named = within.filter(_named(question.message_ids))[:MOST]
    found = {each.pk: each for each in named if each.message_id in question.message_ids}
    if not found and question.words:
        keys = find_heads(folder_ids, question.words, limit=MOST)
        texts = MessageText.objects.filter(pk__in=keys).values("message")
        found = {each.pk: each for each in within.filter(pk__in=texts)}
    if question.day is not None:
        day = within.filter(sorted_at__range=_bounds(question.day))
        found |= {each.pk: each for each in day.order_by("-sorted_at", "-pk")[:MOST]}
    newest = sorted(found.values(), key=lambda each: (each.sorted_at, each.pk), reverse=True)
    return newest[:MOST]


def find_envelopes(question: Question, entries: QuerySet[LedgerEntry]) -> list[LedgerEntry]:
    """Return the entries without a page that `question` may mean, the latest first.

    Args:
        entries: those that may be found.
    """
    asked = _named(question.message_ids, "envelope__")
    for words in _words(question.words):
        asked |= words
    if question.day is not None:
        bounds = _bounds(question.day)
        asked |= Q(envelope__sent_at__range=bounds)
        asked |= Q(envelope__sent_at=None, received_at__range=bounds)
    found = entries.filter(asked, envelope__isnull=False, message=None)
    return list(found.select_related("envelope").order_by("-pk")[:MOST])


def never_read(entries: QuerySet[LedgerEntry]) -> int:
    """Return how many of `entries` were never read for their subject, and so cannot be found."""
    undecided = entries.filter(outcome__in=[Outcome.WAITING, Outcome.EXCLUDED])
    return undecided.filter(envelope=None).count()


def _named(message_ids: Iterable[str], prefix: str = "") -> Q:
    """Return the condition of being called by one of these; an impossible one for none."""
    found = Q(pk__in=[])
    for name in message_ids:
        found |= Q(**{f"{prefix}message_id_digest": message_id_digest(name)})
    return found


def _words(text: str) -> Iterator[Q]:
    """Yield the condition that all words stand in subject or sender."""
    words = text.split()[:_MOST_WORDS]
    if not words:
        return
    condition = Q()
    for word in words:
        bare = word.strip("<>\"',;:()")
        condition &= Q(envelope__subject__icontains=bare) | Q(envelope__sender__icontains=bare)
    yield condition


def _bounds(day: date) -> tuple[datetime, datetime]:
    start = timezone.make_aware(datetime.combine(day, time.min))
    return start, timezone.make_aware(datetime.combine(day, time.max))
