"""Those whom mail is sent to: what they may read, in which language, in which time zone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone, translation
from wagtail.users.models import UserProfile


def request_of(user: Any) -> HttpRequest:
    """Return what `models.privacy` asks about what `user` may read.

    No session: what only a password opens is not read by mail.
    """
    request: Any = HttpRequest()
    request.user = user
    request.session = {}
    found: HttpRequest = request
    return found


@contextmanager
def ways_of(user: Any) -> Iterator[None]:
    """Have all that is written within be in the user's language and time zone."""
    profile = UserProfile.objects.filter(user_id=user.pk).first()
    language = profile.preferred_language if profile else ""
    with (
        translation.override(language or settings.LANGUAGE_CODE),
        timezone.override(_zone(profile)),
    ):
        yield


def zone_of(user: Any) -> tzinfo:
    """Return the time zone that `user` chose, or the site's."""
    return _zone(UserProfile.objects.filter(user_id=user.pk).first())


def _zone(profile: UserProfile | None) -> tzinfo:
    if profile is None or not profile.current_time_zone:
        return timezone.get_default_timezone()
    try:
        return ZoneInfo(profile.current_time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        # Chosen on a machine with another list of zones.
        return timezone.get_default_timezone()
