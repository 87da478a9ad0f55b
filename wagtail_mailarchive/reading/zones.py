"""Which time zone a reader sees: one answer for dates, month counts, month filter and search."""

from __future__ import annotations

from datetime import tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest
from django.utils import timezone
from wagtail.users.models import UserProfile


def reader_zone(request: HttpRequest) -> tzinfo:
    """Return the zone of the signed-in user's Wagtail profile, else the site's `TIME_ZONE`."""
    if not request.user.is_authenticated:
        return timezone.get_default_timezone()
    profiles = UserProfile.objects.filter(user_id=request.user.pk)
    name = profiles.values_list("current_time_zone", flat=True).first()
    if not name:
        return timezone.get_default_timezone()
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        # Chosen on a machine with another list of zones.
        return timezone.get_default_timezone()
