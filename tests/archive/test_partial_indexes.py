"""After an upgrade of Django its questions find our indexes still."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection

from tests.plans import plan_of
from wagtail_mailarchive.archive.partial_indexes import condition_of, renew
from wagtail_mailarchive.models import Attachment

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="others understand both"),
]

NAME = "mailarchive_attached"
TABLE = "wagtail_mailarchive_attachment"


def stands() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [NAME])
        return str(cursor.fetchone()[0])


def make(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {NAME}")
        cursor.execute(sql)


@pytest.mark.parametrize("other", ['"is_inline" = 0', 'NOT "is_inline"', '"is_inline" IN (0)'])
def test_migrating_gives_them_the_words_of_this_django(other: str) -> None:
    mine = stands()
    make(f"{mine.partition(' WHERE ')[0]} WHERE {other}")
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    assert stands() == mine


def test_what_is_right_already_is_left_alone() -> None:
    assert renew(apps.get_app_config("wagtail_mailarchive"), "default") == []


def test_an_index_of_other_columns_is_left_alone() -> None:
    other = f'CREATE INDEX "{NAME}" ON "{TABLE}" ("folder_id") WHERE "is_inline" = 0'
    make(other)
    assert renew(apps.get_app_config("wagtail_mailarchive"), "default") == []
    assert stands() == other


def test_our_own_sql_finds_an_index_by_its_condition() -> None:
    asked = f"SELECT 1 FROM {TABLE} each WHERE each.folder_id = 7 AND "
    told = condition_of(Attachment, NAME, "each")
    assert NAME in plan_of(asked + told)
    assert NAME not in plan_of(asked + "each.is_inline IN (0)")
