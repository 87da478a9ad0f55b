"""The mail that tells administrators what is not as it was archived; nearly always once for each.

The problem also stands on the dashboard and in the log until a check finds it well.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone, translation
from django_q.tasks import async_task
from wagtail.admin.utils import get_admin_base_url
from wagtail.users.models import UserProfile

from ..models import IntegrityProblem

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger("wagtail_mailarchive.fetching")

SEND = "wagtail_mailarchive.tasks.tell_of_integrity"
# So many are named; the page has all.
_NAMED = 20
_CLAIM = "wagtail_mailarchive.integrity_alarm"
# Longer than the queue lets any task live.
_CLAIM_SECONDS = 15 * 60


def request_sending() -> None:
    """Have the worker send it, where there is something to tell and somebody to tell it to."""
    if IntegrityProblem.objects.filter(told_at=None).exists() and _administrators():
        async_task(SEND)


def send() -> int:
    """Tell of what nobody was told of; return how many mails the mail server took.

    What it took none of is told of again with the next try.
    """
    # Worker by worker, where they share a cache. A claim outlives a worker that dies by minutes,
    # then the alarm is sent anew: told twice is better than not at all.
    if not cache.add(_CLAIM, True, timeout=_CLAIM_SECONDS):
        return 0
    try:
        return _send_claimed()
    finally:
        cache.delete(_CLAIM)


def _send_claimed() -> int:
    problems = list(IntegrityProblem.objects.filter(told_at=None).order_by("pk"))
    if not problems:
        return 0
    sent = 0
    for administrator in _administrators():
        try:
            _send(administrator, problems)
            sent += 1
        except Exception as error:  # noqa: BLE001 (backends raise what they like)
            # Its words may hold a password or somebody's address.
            logger.warning("An integrity alarm was not sent: %s", type(error).__name__)
    if sent:
        told = IntegrityProblem.objects.filter(pk__in=[problem.pk for problem in problems])
        told.update(told_at=timezone.now())
    return sent


def _administrators() -> Sequence[User]:
    users = get_user_model().objects.filter(is_active=True, is_superuser=True)
    return list(users.exclude(email="").order_by("pk"))


def _send(administrator: User, problems: Sequence[IntegrityProblem]) -> None:
    profile = UserProfile.objects.filter(user_id=administrator.pk).first()
    language = profile.preferred_language if profile else ""
    with translation.override(language or settings.LANGUAGE_CODE):
        values = {
            "number": len(problems),
            "problems": problems[:_NAMED],
            "more": max(len(problems) - _NAMED, 0),
            "address": _address(),
        }
        subject = render_to_string("wagtail_mailarchive/alerts/integrity_subject.txt", values)
        text = render_to_string("wagtail_mailarchive/alerts/integrity_text.txt", values)
    EmailMessage(
        " ".join(subject.split()),
        text.strip() + "\n",
        getattr(settings, "WAGTAILADMIN_NOTIFICATION_FROM_EMAIL", None),
        [administrator.email],
        # RFC 3834: no holiday notes in return.
        headers={"Auto-Submitted": "auto-generated"},
    ).send()


def _address() -> str:
    """Return the address of the page; "" where the admin is served by another site."""
    try:
        path = reverse("mailarchive_integrity")
    except NoReverseMatch:
        return ""
    base = get_admin_base_url()
    return f"{base}{path}" if base else ""
