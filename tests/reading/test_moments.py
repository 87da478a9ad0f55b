"""Times on pages read as Django writes them, in each language and format."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.utils import translation
from django.utils.dateformat import format as write
from django.utils.formats import get_format

from wagtail_mailarchive.reading.moments import written

ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/St_Johns")]


def some_times() -> list[datetime]:
    random = Random(5)
    begin = datetime(1999, 12, 31, 23, 59, 30, tzinfo=UTC)
    return [
        (begin + timedelta(minutes=random.randrange(30 * 366 * 24 * 60))).astimezone(zone)
        for zone in ZONES
        for _ in range(6)
    ]


@pytest.mark.parametrize("name", ["DATETIME_FORMAT", "DATE_FORMAT", "TIME_FORMAT"])
def test_in_every_language(name: str) -> None:
    for language, _words in settings.LANGUAGES:
        with translation.override(language):
            for each in some_times():
                assert written(each, name) == write(each, get_format(name)), language


@pytest.mark.parametrize(
    "form", ["Y-m-d H:i:s", "H:i j N Y", r"\o\n l, jS F \a\t P", "c", "H:i T", "d/m/Y H:i e", ""]
)
def test_in_every_format(form: str) -> None:
    for each in some_times():
        assert written(each, form) == write(each, form)
        assert written(each.replace(tzinfo=None), form) == write(each.replace(tzinfo=None), form)
