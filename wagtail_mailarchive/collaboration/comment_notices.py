"""Mails about comments: to those who are mentioned, and to moderators while comments wait.

Sent by the worker, each in its reader's language, and only to who may still read the message then.
A notice belongs to whoever moved its time on, so two workers never send the same one; should a
worker die between sending and noting, the mail is sent once more rather than never.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone, translation
from django_q.tasks import async_task
from wagtail.admin.utils import get_admin_base_url
from wagtail.users.models import UserProfile

from ..models import Comment, CommentNotice, CommentState, EmailFolderPage
from ..models.permissions import moderators_of
from ..models.privacy import may_see
from .comment_places import permalink

_log = logging.getLogger("wagtail_mailarchive.collaboration")

SEND: Final = "wagtail_mailarchive.tasks.send_comment_notices"
# Moderators are not told more often than that, however much is written.
_QUIET = timedelta(minutes=15)
# Longer than the queue lets any task live, so that nobody sends what another still sends.
_PAUSE = timedelta(minutes=15)
_LONGEST_PAUSE = timedelta(hours=6)
_MOST_TRIES = 20
_MOST_AT_ONCE = 50


def tell_moderators(folder: EmailFolderPage) -> None:
    """Have the moderators of `folder` told that comments wait (a few queries)."""
    now = timezone.now()
    moderators = moderators_of(folder).exclude(email="")
    CommentNotice.objects.bulk_create(
        [CommentNotice(folder=folder, recipient=each) for each in moderators],
        ignore_conflicts=True,
    )
    waiting = CommentNotice.objects.filter(folder=folder, comment=None, try_at=None)
    waiting.filter(told_at=None).update(try_at=now, tries=0)
    waiting.exclude(told_at=None).filter(told_at__lte=now - _QUIET).update(try_at=now, tries=0)
    waiting.exclude(told_at=None).update(try_at=F("told_at") + _QUIET, tries=0)


def request_sending() -> None:
    """Have the worker send what is due. In a task of its own: mail servers may be slow."""
    if CommentNotice.objects.filter(try_at__lte=timezone.now()).exists():
        async_task(SEND)


def send_due() -> int:
    """Send what is due; return how many mails the mail server took."""
    sent = 0
    for notice in _claimed():
        claimed_until = notice.try_at
        try:
            is_sent = _send(notice)
        except Exception as error:  # noqa: BLE001 (backends raise what they like)
            # One that cannot be sent does not stop the next. What the server said may hold
            # addresses, so only its kind is logged.
            _log.warning("Notice %s was not sent: %s", notice.pk, type(error).__name__)
            continue
        # Unless it became due again meanwhile.
        mine = CommentNotice.objects.filter(pk=notice.pk, try_at=claimed_until)
        mine.update(try_at=None, **({"told_at": timezone.now()} if is_sent else {}))
        sent += is_sent
    return sent


def _claimed() -> list[CommentNotice]:
    """Return the notices that are due and now this worker's, with whom and what they are about."""
    now = timezone.now()
    due = CommentNotice.objects.filter(try_at__lte=now).order_by("pk")
    given_up = due.filter(tries__gte=_MOST_TRIES).update(try_at=None)
    if given_up:
        _log.error("%s notices were never sent; see the site's settings for mail", given_up)
    mine = []
    with_all = due.select_related("recipient", "folder", "comment__message")
    for notice in with_all[:_MOST_AT_ONCE]:
        until = now + min(_PAUSE * (1 << min(notice.tries, 10)), _LONGEST_PAUSE)
        row = CommentNotice.objects.filter(pk=notice.pk, try_at=notice.try_at)
        if row.update(try_at=until, tries=F("tries") + 1):
            notice.try_at = until
            mine.append(notice)
    return mine


def _send(notice: CommentNotice) -> bool:
    """Send `notice`, unless it concerns its recipient no more; raise if it was not taken."""
    recipient = notice.recipient
    if not (recipient.is_active and recipient.email):
        return False
    if notice.comment is None:
        name, values = "held", _of_queue(notice)
    else:
        name, values = "mention", _of_mention(notice, notice.comment)
    if not values:
        return False
    profile = UserProfile.objects.filter(user_id=recipient.pk).first()
    language = profile.preferred_language if profile else ""
    with translation.override(language or settings.LANGUAGE_CODE):
        subject = render_to_string(f"wagtail_mailarchive/alerts/{name}_subject.txt", values)
        text = render_to_string(f"wagtail_mailarchive/alerts/{name}_text.txt", values)
    EmailMessage(
        " ".join(subject.split()),
        text.strip() + "\n",
        getattr(settings, "WAGTAILADMIN_NOTIFICATION_FROM_EMAIL", None),
        [recipient.email],
        # RFC 3834: no holiday notes in return.
        headers={"Auto-Submitted": "auto-generated"},
    ).send()
    return True


def _of_mention(notice: CommentNotice, comment: Comment) -> dict[str, object]:
    message = comment.message
    if comment.state != CommentState.SHOWN or not may_see(message, notice.recipient):
        return {}
    return {
        "comment": comment,
        "message": message,
        "folder": notice.folder,
        "address": permalink(comment, message.full_url or ""),
    }


def _of_queue(notice: CommentNotice) -> dict[str, object]:
    folder = notice.folder
    held = Comment.objects.filter(
        state=CommentState.HELD, message__folder=folder, message__listed=True
    )
    number = held.count()
    if not number or not folder.permissions_for_user(notice.recipient).can_moderate_comments():
        return {}
    return {"folder": folder, "number": number, "address": _queue_address(folder.pk)}


def _queue_address(folder_id: int) -> str:
    """Return the address of the queue; "" where the admin is served by another site."""
    try:
        path = reverse("mailarchive_comments:index")
    except NoReverseMatch:
        return ""
    base = get_admin_base_url()
    return f"{base}{path}?folder={folder_id}" if base else ""
