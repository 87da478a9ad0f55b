"""Mails to the managers of accounts, each in its reader's language; sent by the worker only.

A mail server that does not answer is tried again, later each time. A notice belongs to whoever
moved its time on, so two workers never send the same one.
"""

from __future__ import annotations

import logging
from datetime import timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone, translation
from django_q.tasks import async_task
from wagtail.admin.utils import get_admin_base_url
from wagtail.users.models import UserProfile

from ..models import Notice
from .alert_words import Kind, recovery_of, sentence_of

_log = logging.getLogger("wagtail_mailarchive.fetching")

SEND = "wagtail_mailarchive.tasks.send_notices"
# Longer than the queue lets any task live, so that nobody sends what another still sends.
_PAUSE = timedelta(minutes=15)
_LONGEST_PAUSE = timedelta(hours=6)
_MOST_TRIES = 20
_MOST_AT_ONCE = 50


def request_sending() -> None:
    """Have the worker send what is due. In a task of its own: mail servers may be slow."""
    if Notice.objects.filter(try_at__lte=timezone.now()).exists():
        async_task(SEND)


def send_due() -> int:
    """Send what is due; return how many the mail server took."""
    sent = 0
    for notice in _claimed():
        try:
            _send(notice)
        except Exception as error:  # noqa: BLE001 (backends raise what they like)
            # One that cannot be sent does not stop the next. What the server said may hold
            # addresses, so only its kind is logged.
            _log.warning("Notice %s was not sent: %s", notice.pk, type(error).__name__)
            continue
        notice.delete()
        sent += 1
    return sent


def _claimed() -> list[Notice]:
    """Return the notices that are due and now this worker's, with whom and what they are about."""
    now = timezone.now()
    due = Notice.objects.filter(try_at__lte=now).order_by("pk")
    given_up, _ = due.filter(tries__gte=_MOST_TRIES).delete()
    if given_up:
        _log.error("%s notices were never sent; see the site's settings for mail", given_up)
    mine = []
    for notice in due.select_related("recipient", "account__folder")[:_MOST_AT_ONCE]:
        pause = min(_PAUSE * (1 << min(notice.tries, 10)), _LONGEST_PAUSE)
        row = Notice.objects.filter(pk=notice.pk, try_at=notice.try_at)
        if row.update(try_at=now + pause, tries=F("tries") + 1):
            mine.append(notice)
    return mine


def _send(notice: Notice) -> None:
    """Send `notice`, unless it concerns its recipient no more; raise if it was not taken."""
    recipient = notice.recipient
    account = notice.account
    allowed = account.folder.permissions_for_user(recipient)
    if not (recipient.is_active and recipient.email and account.enabled):
        return
    if not allowed.can_manage_accounts():
        return
    profile = UserProfile.objects.filter(user_id=recipient.pk).first()
    language = profile.preferred_language if profile else ""
    with (
        translation.override(language or settings.LANGUAGE_CODE),
        timezone.override(_zone(profile)),
    ):
        values = {
            "account": account,
            "folder": account.folder,
            "opened": [sentence_of(Kind(kind), facts) for kind, facts in notice.opened.items()],
            "closed": list(dict.fromkeys(recovery_of(Kind(kind)) for kind in notice.closed)),
            "address": _address(account.pk),
        }
        subject = render_to_string("wagtail_mailarchive/alerts/subject.txt", values)
        text = render_to_string("wagtail_mailarchive/alerts/text.txt", values)
    EmailMessage(
        " ".join(subject.split()),
        text.strip() + "\n",
        getattr(settings, "WAGTAILADMIN_NOTIFICATION_FROM_EMAIL", None),
        [recipient.email],
        # RFC 3834: no holiday notes in return.
        headers={"Auto-Submitted": "auto-generated"},
    ).send()


def _zone(profile: UserProfile | None) -> tzinfo:
    if profile is None or not profile.current_time_zone:
        return timezone.get_default_timezone()
    try:
        return ZoneInfo(profile.current_time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        # Chosen on a machine with another list of zones.
        return timezone.get_default_timezone()


def _address(account_id: int) -> str:
    """Return the address of the account's form; "" where the admin is served by another site."""
    try:
        path = reverse("mailarchive_accounts:edit", args=[account_id])
    except NoReverseMatch:
        return ""
    base = get_admin_base_url()
    return f"{base}{path}" if base else ""
