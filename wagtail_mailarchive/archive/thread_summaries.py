"""What lists of threads show of each: counted while archiving, and counted anew where that is due.

Summaries add up: that of a thread is the sum of those of its messages, in any order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.db.models.signals import post_save
from wagtail.models import Page

from ..models import EmailMessagePage, Thread, ThreadKey
from ..models.thread import PARTICIPANTS
from . import rows, thread_moves
from .bulk_deletion import delete_rows

# Of a message, by the names of its fields.
FIELDS = (
    *("subject", "sorted_at", "snippet", "sender_name", "sender_address", "attachment_count"),
    "listed",
)
COLUMNS = (
    *("subject", "first_at", "last_at", "message_count", "snippet", "participants"),
    *("has_more_participants", "has_attachments"),
)

_SUBJECT = 255
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class Summary:
    """What a list shows of some messages; of none at first. See `Thread`.

    Attributes:
        people: address or name, folded -> (seconds since 1970 of their first message, name,
            address).
        began_at, ended_at: of the messages, the unlisted ones too.
    """

    subject: str = ""
    first_at: datetime = _LATEST
    last_at: datetime = _EARLIEST
    message_count: int = 0
    snippet: str = ""
    people: dict[str, tuple[float, str, str]] = field(default_factory=dict)
    has_more_participants: bool = False
    has_attachments: bool = False
    began_at: datetime = _LATEST
    ended_at: datetime = _EARLIEST

    @classmethod
    def of_thread(cls, thread: Thread) -> Summary:
        """Return what the row of a thread says, which counts as listed messages."""
        people = {
            folded(name, address): (seconds, name, address)
            for name, address, seconds in thread.participants
        }
        return cls(
            subject=thread.subject,
            first_at=thread.first_at if thread.message_count else _LATEST,
            last_at=thread.last_at if thread.message_count else _EARLIEST,
            message_count=thread.message_count,
            snippet=thread.snippet,
            people=people,
            has_more_participants=thread.has_more_participants,
            has_attachments=thread.has_attachments,
            began_at=thread.first_at,
            ended_at=thread.last_at,
        )

    def add_message(self, values: Mapping[str, Any]) -> None:
        """Count a message, whose `FIELDS` are in `values`; a new one is listed."""
        moment = values["sorted_at"]
        self.began_at = min(self.began_at, moment)
        self.ended_at = max(self.ended_at, moment)
        if not values.get("listed", True):
            return
        if moment < self.first_at:
            self.first_at, self.subject = moment, values["subject"][:_SUBJECT]
        if moment >= self.last_at:
            self.last_at, self.snippet = moment, values["snippet"]
        self.message_count += 1
        self.has_attachments = self.has_attachments or values["attachment_count"] > 0
        name, address = values["sender_name"], values["sender_address"]
        if name or address:
            self._add_person((moment.timestamp(), name, address))
            self._cut_people()

    def add(self, other: Summary) -> None:
        """Count what `other` counted."""
        self.began_at = min(self.began_at, other.began_at)
        self.ended_at = max(self.ended_at, other.ended_at)
        if other.first_at < self.first_at:
            self.first_at, self.subject = other.first_at, other.subject
        if other.last_at >= self.last_at:
            self.last_at, self.snippet = other.last_at, other.snippet
        self.message_count += other.message_count
        self.has_attachments = self.has_attachments or other.has_attachments
        self.has_more_participants = self.has_more_participants or other.has_more_participants
        for person in other.people.values():
            self._add_person(person)
        self._cut_people()

    def columns(self) -> tuple[Any, ...]:
        """Return the values of `COLUMNS`."""
        shown = self.message_count > 0
        return (
            self.subject,
            self.first_at if shown else self.began_at,
            self.last_at if shown else self.ended_at,
            self.message_count,
            self.snippet,
            [[name, address, seconds] for seconds, name, address in sorted(self.people.values())],
            self.has_more_participants,
            self.has_attachments,
        )

    def _add_person(self, person: tuple[float, str, str]) -> None:
        key = folded(*person[1:])
        known = self.people.get(key)
        if known is None or person < known:
            self.people[key] = person

    def _cut_people(self) -> None:
        # Who is left out came later than all who stay, and so they do whatever is added.
        if len(self.people) > PARTICIPANTS:
            first = sorted(self.people.items(), key=lambda item: (item[1], item[0]))
            self.people = dict(first[:PARTICIPANTS])
            self.has_more_participants = True


def folded(name: str, address: str) -> str:
    """Return what people are told apart by; "" for nobody."""
    return (address or name).casefold()


def summarise(messages: QuerySet[EmailMessagePage]) -> dict[int, Summary]:
    """Return what a list may show of the threads of `messages`, if only these are counted.

    For threads with messages that not every reader may read.
    """
    found: defaultdict[int, Summary] = defaultdict(Summary)
    columns = messages.order_by("thread", "sorted_at", "pk").values("thread_id", *FIELDS)
    for values in columns.iterator(chunk_size=2000):
        found[values["thread_id"]].add_message(values)
    return dict(found)


def recount(thread_ids: Collection[int]) -> None:
    """Count threads anew, in the present transaction; those without messages are deleted.

    The folder is locked (`pages.lock_folder`), or else mail that comes meanwhile may not count.
    """
    counted = summarise(EmailMessagePage.objects.filter(thread__in=list(thread_ids)))
    rows.update(
        Thread,
        ("id", *COLUMNS),
        [(key, *summary.columns()) for key, summary in sorted(counted.items())],
    )
    _forget(set(thread_ids) - counted.keys())


def _forget(empty: Iterable[int]) -> None:
    """Delete threads without messages; a main thread whose parts have some stays, empty."""
    parts = Thread.objects.filter(part_of__in=empty).exclude(pk__in=empty)
    kept = set(parts.values_list("part_of_id", flat=True))
    gone = set(empty) - kept
    if gone:
        thread_moves.forget_marks(gone)
        delete_rows(ThreadKey._base_manager.filter(thread__in=gone))
        delete_rows(Thread._base_manager.filter(pk__in=gone))
    if kept:
        Thread.objects.filter(pk__in=kept).update(
            message_count=0, subject="", snippet="", participants=[], has_attachments=False
        )


def connect() -> None:
    """Follow what is published and unpublished: saving a message changes nothing else."""
    post_save.connect(
        _after_save,
        sender=EmailMessagePage,
        dispatch_uid="wagtail_mailarchive.archive.thread_summaries",
    )
    post_save.connect(
        _after_base_save,
        sender=Page,
        dispatch_uid="wagtail_mailarchive.archive.thread_summaries.base",
    )


def _after_save(instance: EmailMessagePage, **kwargs: Any) -> None:
    if instance.thread_id is not None:
        recount([instance.thread_id])


def _after_base_save(instance: Page, **kwargs: Any) -> None:
    # A message that somebody unpublished as a plain page must be shown nowhere, too.
    message = EmailMessagePage.objects.filter(pk=instance.pk).exclude(listed=instance.live).first()
    if message is not None:
        message.save()


def of_messages(message_ids: Iterable[int]) -> set[int]:
    """Return the threads of messages, to be counted anew once these are deleted."""
    found = EmailMessagePage.objects.filter(pk__in=message_ids, thread__isnull=False)
    return set(found.order_by().values_list("thread_id", flat=True))
