"""Checks of search: its language, and the cluster that answers in place of the database."""

from __future__ import annotations

from collections.abc import Sequence

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import OperationalError, ProgrammingError, connections, router

from ..archive.search.cluster.client import backend_class, setting_name
from ..conf import DATABASE, SETTING, archive_settings
from ..models import SearchCluster, SearchIndex
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


@register()
def check_search_backend(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """Refuse a backend that is none, is no cluster, or lacks its client."""
    alias = archive_settings().SEARCH_BACKEND
    if alias == DATABASE:
        return []
    name = f'{SETTING}["SEARCH_BACKEND"]'
    try:
        backend_class(alias)
    except (LookupError, TypeError, AttributeError):
        code = "E038"
        problem = (
            f"{name} is {alias!r}, which is no Elasticsearch or OpenSearch backend in "
            f"{setting_name()}."
        )
        hint = "Name one that is, or have the database answer. At the end of the settings:"
    except ImportError:
        code = "E039"
        problem = f"The search backend {alias!r} cannot be imported, so mail cannot be searched."
        hint = (
            "Install the client that it needs (pip install elasticsearch, or opensearch-py, of the "
            "cluster's major version), or at the end of the settings:"
        )
    else:
        return []
    block = f'{name} = "{DATABASE}"'
    return [Error(problem, hint=paste(hint, block), id=f"wagtail_mailarchive.{code}")]


@register(Tags.database)
def check_search_cluster(
    app_configs: Sequence[AppConfig] | None = None,
    databases: Sequence[str] | None = None,
    **kwargs: object,
) -> list[CheckMessage]:
    """Tell of a cluster whose index is not made yet."""
    alias = archive_settings().SEARCH_BACKEND
    if alias == DATABASE or router.db_for_write(SearchCluster) not in (databases or ()):
        return []
    try:
        if SearchCluster.objects.filter(alias=alias, is_ready=True).exists():
            return []
    except (OperationalError, ProgrammingError):
        # `migrate` asks before it makes the table.
        return []
    return [
        Warning(
            f"The search cluster {alias!r} has no index of the mail yet, so the database answers.",
            hint="Make the index: manage.py mailarchive_index.",
            id="wagtail_mailarchive.W033",
        )
    ]


def _languages(alias: str) -> Sequence[str]:
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return SQLITE_LANGUAGES
    with connection.cursor() as cursor:
        cursor.execute("SELECT cfgname FROM pg_ts_config ORDER BY cfgname")
        return [row[0] for row in cursor.fetchall()]
