"""When followers are told: what happens brings mails forward, and each minute the due ones go out.

A mail is made in one transaction with the note of how far its reader was told, and whoever sends it
notes in a transaction of its own that it is begun. So no mail is sent twice, whatever fails when.
It errs on the other side: where it cannot be known whether the mail server took a mail (the worker
died, the line broke while the mail was handed over), it is not sent again. Where the server is away
or refuses, nothing has left, and it is tried again.
"""

from __future__ import annotations

import logging
import smtplib
from datetime import datetime, timedelta
from typing import Any, Final

from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import Count, F, Max, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django_q.tasks import async_task

from ..models import Comment, CommentState, Delivery, FetchRun, Follow, Pace
from ..models.site_settings import is_on
from ..signals import run_finished
from .following_mails import mail_of
from .following_news import arrivals_of, comments_shown, news_of, tops
from .mail_readers import ways_of, zone_of

_log = logging.getLogger("wagtail_mailarchive.collaboration")

SEND: Final = "wagtail_mailarchive.tasks.tell_followers"
AT_A_TIME: Final = 50  # follows, and mails
# A comment may be committed after a later one: what is as old as that has settled.
SETTLED: Final = timedelta(minutes=1)
_LOOK_ANYWAY: Final = timedelta(days=1)
_LATELY: Final = timedelta(hours=1)
_HOUR: Final = 7  # of the reader's day
# What is told at once goes out once an hour after so many mails in a day.
MANY: Final = 20
_PAUSE: Final = timedelta(minutes=15)
_LONGEST_PAUSE: Final = timedelta(hours=6)
_MOST_TRIES: Final = 20
_KEPT: Final = timedelta(days=90)

# What a mail server says instead of taking a mail.
_REFUSED = (
    smtplib.SMTPResponseException,
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPNotSupportedError,
)


def begin(follow: Follow) -> None:
    """Save a new `follow`: from now on its reader is told of what comes, not of what is there."""
    now = timezone.now()
    follow.seen = tops(follow.folder_id)
    follow.comments_until = now
    follow.due_at = next_due(follow, now)
    follow.save()


def next_due(follow: Follow, now: datetime) -> datetime:
    """Return when `follow` is to be looked at after `now` if nothing brings it forward."""
    if follow.pace == Pace.AT_ONCE:
        return now + _LOOK_ANYWAY
    there = now.astimezone(zone_of(follow.reader))
    due = there.replace(hour=_HOUR, minute=0, second=0, microsecond=0)
    days = 0 if due > there else 1
    if follow.pace == Pace.WEEKLY:
        days = -due.weekday() % 7
        if due + timedelta(days=days) <= there:
            days += 7
    return due + timedelta(days=days)


def connect() -> None:
    """Hear of mail that was fetched."""
    run_finished.connect(_fetched, dispatch_uid="wagtail_mailarchive.following")


def _fetched(run: FetchRun, **kwargs: Any) -> None:
    if run.archived:
        _bring_forward(Follow.objects.filter(mail=True), run.folder_id)


def _commented(now: datetime) -> None:
    """Bring forward what comments of the last hour were not told about, whoever let them show.

    Looking for them costs the same however many comments there are. What a worker that was away for
    longer misses here is told within a day.
    """
    lately = (
        Comment.objects.filter(state=CommentState.SHOWN)
        .alias(shown_at=Coalesce("decided_at", "created_at"))
        .filter(shown_at__gt=now - _LATELY, shown_at__lte=now - SETTLED)
    )
    latest = lately.order_by().values("message__folder").annotate(latest=Max("shown_at"))
    for folder, moment in latest.values_list("message__folder", "latest"):
        _bring_forward(Follow.objects.filter(comments=True, comments_until__lt=moment), folder)


def _bring_forward(follows: QuerySet[Follow], folder_id: int) -> None:
    now = timezone.now()
    there = Q(folder=folder_id) | Q(folder=None)
    follows.filter(there, pace=Pace.AT_ONCE, due_at__gt=now).update(due_at=now)


def request() -> None:
    """Have the worker send what is due, in a task of its own; forget what was sent long ago."""
    now = timezone.now()
    Delivery.objects.filter(made_at__lt=now - _KEPT).delete()
    if not is_on():
        return
    _commented(now)
    if _is_due(timezone.now()):
        async_task(SEND)


def work() -> int:
    """Send some of what is due, and have the rest sent by a further task; return how many left."""
    if not is_on():
        return 0
    for follow in _readers(Follow.objects.filter(due_at__lte=timezone.now())):
        _look(follow)
    sent = _send_some()
    if _is_due(timezone.now()):
        async_task(SEND)
    return sent


def _is_due(now: datetime) -> bool:
    return (
        Follow.objects.filter(due_at__lte=now).exists()
        or Delivery.objects.filter(try_at__lte=now).exists()
    )


def _readers(follows: Any) -> list[Follow]:
    related = follows.select_related("reader", "folder", "message", "search")
    found: list[Follow] = list(related.order_by("due_at", "pk")[:AT_A_TIME])
    return found


# -- making mails --------------------------------------------------------------------------------


def _look(follow: Follow) -> None:
    """Make a mail of what has come since the last one, if something has."""
    now = timezone.now()
    due_at = next_due(follow, now)
    arrivals = arrivals_of(follow)
    until = now - SETTLED
    seen = follow.seen | {folder: top for folder, (_after, top) in arrivals.items()}
    has_comments = follow.comments and (
        comments_shown(follow, follow.comments_until, until).exists()
    )
    has_news = (follow.mail and arrivals) or has_comments
    if has_news and (later := _later(follow, now)) is not None:
        Follow.objects.filter(pk=follow.pk, number=follow.number).update(due_at=later)
        return
    with transaction.atomic():
        # A write first: it locks the row, or on SQLite the database.
        mine = Follow.objects.filter(pk=follow.pk, number=follow.number).update(
            number=F("number") + (1 if has_news else 0),
            seen=seen,
            comments_until=max(until, follow.comments_until),
            due_at=due_at,
        )
        if mine and has_news:
            Delivery.objects.create(
                follow=follow,
                number=follow.number,
                arrivals=arrivals if follow.mail else {},
                comments_after=follow.comments_until if has_comments else None,
                comments_until=until if has_comments else None,
                made_at=now,
                try_at=now,
            )


def _later(follow: Follow, now: datetime) -> datetime | None:
    """Return when the next mail may be made where many were; None for now.

    Whatever mails may cause elsewhere, it cannot cause many.
    """
    if follow.pace != Pace.AT_ONCE:
        return None
    lately = Delivery.objects.filter(follow=follow, made_at__gt=now - timedelta(days=1))
    found = lately.aggregate(number=Count("pk"), latest=Max("made_at"))
    if found["number"] < MANY:
        return None
    due: datetime = found["latest"] + timedelta(hours=1)
    return due if due > now else None


# -- sending -------------------------------------------------------------------------------------


def _send_some() -> int:
    due = Delivery.objects.filter(try_at__lte=timezone.now()).order_by("try_at", "pk")
    given_up, _ = due.filter(tries__gte=_MOST_TRIES).delete()
    if given_up:
        _log.error("%s mails to followers were never sent; see the site's mail settings", given_up)
    related = due.select_related(
        "follow__reader", "follow__folder", "follow__message", "follow__search"
    )
    deliveries = list(related[:AT_A_TIME])
    if not deliveries:
        return 0
    server = _server()
    sent = 0
    for position, each in enumerate(deliveries):
        if not _open(server):
            for left in deliveries[position:]:
                _try_later(left)
            break
        sent += _send(each, server)
    server.close()
    return sent


def _open(server: Any) -> bool:
    """Have a connection, if there is none: what fails here has surely sent nothing."""
    try:
        server.open()
    except Exception as error:  # noqa: BLE001 (backends raise what they like)
        # What the server said may hold addresses.
        _log.warning("The site's mail server cannot be used: %s", type(error).__name__)
        return False
    return True


def _server() -> Any:
    """Return the site's mail back end, which Django 6.1 names in another way."""
    mailers = getattr(mail, "mailers", None)
    return mail.get_connection() if mailers is None else mailers.default


def _send(delivery: Delivery, server: Any) -> bool:
    """Send one mail, unless another worker does; return whether the server took it."""
    message = _written(delivery)
    if message is None:
        # Nothing of it may be read any more, or the reader has gone: there is nothing to send.
        Delivery.objects.filter(pk=delivery.pk, try_at=delivery.try_at).delete()
        return False
    if not _claim(delivery):
        return False
    try:
        server.send_messages([message])
    except _REFUSED as error:
        _log.warning("Mail %s to a follower was refused: %s", delivery.pk, type(error).__name__)
        _try_later(delivery)
        return False
    except Exception as error:  # noqa: BLE001 (backends raise what they like)
        # It may have arrived, and whoever sends it again may send it twice.
        _log.error(
            "Mail %s to a follower may be lost; it is not sent again: %s",
            delivery.pk,
            type(error).__name__,
        )
        # The next one gets a line of its own, for this one may be broken.
        server.close()
        return False
    Delivery.objects.filter(pk=delivery.pk).update(
        sent_at=timezone.now(), messages=delivery.messages, comments=delivery.comments
    )
    return True


def _written(delivery: Delivery) -> EmailMultiAlternatives | None:
    """Return the mail as its reader may read it now; None for nothing."""
    reader = delivery.follow.reader
    if not (reader.is_active and reader.email):
        return None
    with ways_of(reader):
        news = news_of(delivery)
        if not news:
            return None
        delivery.messages, delivery.comments = news.message_count, news.comment_count
        return mail_of(delivery, news)


def _claim(delivery: Delivery) -> bool:
    """Note that it is begun, for good before it is; False where another worker was faster."""
    with transaction.atomic(durable=True):
        mine = Delivery.objects.filter(pk=delivery.pk, try_at=delivery.try_at, begun_at=None)
        return bool(mine.update(try_at=None, begun_at=timezone.now(), tries=F("tries") + 1))


def _try_later(delivery: Delivery) -> None:
    """Have it tried again: it has not left."""
    pause = min(_PAUSE * (1 << min(delivery.tries, 10)), _LONGEST_PAUSE)
    Delivery.objects.filter(pk=delivery.pk, sent_at=None).update(
        try_at=timezone.now() + pause,
        begun_at=None,
        tries=delivery.tries + 1,
    )
