"""Checks of the language of search: the database has to know it, and the index to be of it."""

from __future__ import annotations

from collections.abc import Sequence

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import OperationalError, ProgrammingError, connections, router

from ..conf import SETTING, archive_settings
from ..models import SearchIndex
from .paste import paste

SQLITE_LANGUAGES = ("simple", "english")


@register(Tags.database)
def check_search_language(
    app_configs: Sequence[AppConfig] | None = None,
    databases: Sequence[str] | None = None,
    **kwargs: object,
) -> list[CheckMessage]:
    """Refuse a language that the database has none of; tell of an index in another one."""
    alias = router.db_for_write(SearchIndex)
    if alias not in (databases or ()):
        return []
    wanted = archive_settings().SEARCH_LANGUAGE
    known = _languages(alias)
    if wanted not in known:
        return [
            Error(
                f'{SETTING}["SEARCH_LANGUAGE"] is {wanted!r}, which this database does not know.',
                hint=paste(
                    f"It knows {', '.join(known)}. At the end of the settings:",
                    f'{SETTING}["SEARCH_LANGUAGE"] = "simple"',
                ),
                id="wagtail_mailarchive.E037",
            )
        ]
    try:
        language = SearchIndex.objects.values_list("language", flat=True).first()
    except (OperationalError, ProgrammingError):
        # `migrate` asks before it makes the table, and makes the index in the right language.
        return []
    if language in (None, wanted):
        return []
    return [
        Warning(
            f'{SETTING}["SEARCH_LANGUAGE"] is {wanted!r}, and the search index is {language!r}.',
            hint="Make the index anew: manage.py mailarchive_index. Search works meanwhile.",
            id="wagtail_mailarchive.W032",
        )
    ]


def _languages(alias: str) -> Sequence[str]:
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return SQLITE_LANGUAGES
    with connection.cursor() as cursor:
        cursor.execute("SELECT cfgname FROM pg_ts_config ORDER BY cfgname")
        return [row[0] for row in cursor.fetchall()]
