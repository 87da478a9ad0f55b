"""The reader's time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from wagtail.users.models import UserProfile

from tests import factories
from tests.reading import mail

pytestmark = pytest.mark.django_db

NEW_YEARS_EVE = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)  # in Berlin it is 2026 already


def reader(zone: str) -> Client:
    user = factories.user()
    UserProfile.objects.create(user=user, current_time_zone=zone)
    client = Client()
    client.force_login(user)
    return client


def test_list_counts_and_filter_use_the_same_zone() -> None:
    folder = factories.folder()
    factories.archive(folder, mail.dated(NEW_YEARS_EVE))
    anonymous, honolulu = Client(), reader("Pacific/Honolulu")

    here = anonymous.get(folder.url)
    assert [each.key for each in here.context["months"]] == ["2026-01"]
    assert "Jan. 1, 2026, 12:30 a.m." in here.content.decode()
    assert len(anonymous.get(folder.url, {"month": "2026-01"}).context["rows"]) == 1
    assert anonymous.get(folder.url, {"month": "2025-12"}).context["rows"] == []

    there = honolulu.get(folder.url)
    assert [each.key for each in there.context["months"]] == ["2025-12"]
    assert "Dec. 31, 2025, 1:30 p.m." in there.content.decode()
    assert len(honolulu.get(folder.url, {"month": "2025-12"}).context["rows"]) == 1
    assert honolulu.get(folder.url, {"month": "2026-01"}).context["rows"] == []


def test_message_shows_the_readers_time_and_the_senders() -> None:
    folder = factories.folder()
    moment = datetime(2026, 3, 5, 14, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    (message,) = factories.archive(folder, mail.dated(moment))
    shown = Client().get(message.url).content.decode()
    assert "March 5, 2026, 6:30 a.m. CET" in shown
    there = "By the sender’s clock: March 5, 2026, 2:30 p.m. (UTC+09:00)"
    assert there in shown
    assert f'title="{there}"' in Client().get(folder.url, {"view": "date"}).content.decode()
    in_tokyo = reader("Asia/Tokyo").get(message.url).content.decode()
    assert "March 5, 2026, 2:30 p.m. JST" in in_tokyo
    assert "By the sender’s clock" not in in_tokyo


@pytest.mark.parametrize("zone", ["", "Mars/Olympus_Mons", "../etc/passwd"])
def test_a_profile_without_a_usable_zone_means_the_sites(zone: str) -> None:
    folder = factories.folder()
    factories.archive(folder, mail.dated(NEW_YEARS_EVE))
    shown = reader(zone).get(folder.url)
    assert [each.key for each in shown.context["months"]] == ["2026-01"]


def test_the_zone_ends_with_the_answer() -> None:
    folder = factories.folder()
    reader("Pacific/Honolulu").get(folder.url)
    assert timezone.get_current_timezone_name() == "Europe/Berlin"
