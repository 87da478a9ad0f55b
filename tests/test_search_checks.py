"""Checks of the language of search: E037 and W032, each with what its hint is worth."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from tests.test_checks import GOOD, codes, one, paste
from wagtail_mailarchive.checks.search import check_search_language
from wagtail_mailarchive.models import SearchIndex

pytestmark = pytest.mark.django_db
DATABASES = ["default"]


@pytest.mark.parametrize("language", ["klingon", "", 7, ["english"]])
def test_a_language_that_the_database_does_not_know_is_refused(
    language: Any, settings: Any
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**GOOD, "SEARCH_LANGUAGE": language}

    message = one(check_search_language(databases=DATABASES))
    assert codes([message]) == ["E037"]
    assert repr(language) in message.msg
    assert "english" in (message.hint or "")
    paste(message, settings, "WAGTAIL_MAILARCHIVE")

    assert check_search_language(databases=DATABASES) == []


def test_languages_are_those_of_the_database(settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**GOOD, "SEARCH_LANGUAGE": "german"}

    expected = "W032" if connection.vendor == "postgresql" else "E037"
    assert codes(check_search_language(databases=DATABASES)) == [expected]


def test_an_index_in_another_language_is_told_of_until_it_is_made_anew(settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**GOOD, "SEARCH_LANGUAGE": "english"}

    message = one(check_search_language(databases=DATABASES))
    assert codes([message]) == ["W032"]
    assert "'english', and the search index is 'simple'" in message.msg
    assert "mailarchive_index" in (message.hint or "")
    call_command("mailarchive_index", stdout=StringIO())

    assert SearchIndex.objects.get().language == "english"
    assert check_search_language(databases=DATABASES) == []


def test_the_database_is_not_touched_unless_asked_for(settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**GOOD, "SEARCH_LANGUAGE": "klingon"}

    assert check_search_language() == []
    assert check_search_language(databases=["other"]) == []
