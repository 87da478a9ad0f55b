"""The cluster by the connection that the site has configured for Wagtail's own search.

There is no connecting of ours: addresses, certificates, credentials and deadlines are those of the
entry in WAGTAILSEARCH_BACKENDS, and the client is the one that Wagtail's backend makes of it. What
is asked here, the clients of Elasticsearch 7 to 9 and of OpenSearch understand alike.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from modelsearch.backends import InvalidSearchBackendError, get_search_backend, import_backend
from modelsearch.backends.elasticsearchbase import ElasticsearchBaseSearchBackend
from modelsearch.conf import get_app_config

from ....exceptions import (
    SearchClusterAway,
    SearchIndexMissing,
    SearchNotConfigured,
    SearchRefused,
    SearchUnavailable,
)

_PACKAGES = frozenset({"elasticsearch", "opensearchpy"})
# What the clients raise: the first two Elasticsearch's from version 8 on, the others one each.
_ERRORS = ("ApiError", "TransportError", "ElasticsearchException", "OpenSearchException")
_BUSY = (408, 429)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that can be asked.

    Attributes:
        alias: its name in the site's settings.
        client: of the package elasticsearch or opensearchpy.
        live: the name by which the index is searched, an alias in the cluster.
        settings: what the site wants of its indexes.
        errors: what `client` raises.
    """

    alias: str
    client: Any = field(repr=False)
    live: str
    settings: Mapping[str, Any]
    errors: tuple[type[Exception], ...]

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Raise `SearchUnavailable` for whatever goes wrong between us and the cluster."""
        try:
            yield
        except self.errors as error:
            raise self._told(error) from error

    def _told(self, error: Exception) -> SearchUnavailable:
        status = getattr(error, "status_code", None)
        if status == 404:
            return SearchIndexMissing(backend=self.alias)
        if isinstance(status, int) and 400 <= status < 500 and status not in _BUSY:
            return SearchRefused(backend=self.alias, status=status)
        return SearchClusterAway(backend=self.alias)


def setting_name() -> str:
    """Return the name of the setting that holds the site's search backends."""
    return str(get_app_config().backend_setting_name)


def backend_class(alias: str) -> type[ElasticsearchBaseSearchBackend]:
    """Return Wagtail's class for the backend `alias`.

    Raises:
        LookupError: the settings have no such backend.
        ImportError: its class, or the client that it needs, cannot be imported.
        TypeError: it is neither Elasticsearch nor OpenSearch.
    """
    found = import_backend(_entry(alias)["BACKEND"])
    if not (isinstance(found, type) and issubclass(found, ElasticsearchBaseSearchBackend)):
        raise TypeError(alias)
    return found


@lru_cache(maxsize=8)
def connect(alias: str) -> Cluster:
    """Return the cluster `alias`, with one client a process; nothing is asked yet.

    Raises:
        SearchNotConfigured.
    """
    try:
        backend_class(alias)
        entry = _entry(alias)
        # A reader waits for the answer: the site's deadline holds twice at most.
        options = {"max_retries": 1, **entry.get("OPTIONS", {})}
        backend = get_search_backend(alias, OPTIONS=options)
    except (LookupError, ImportError, TypeError, InvalidSearchBackendError) as error:
        raise SearchNotConfigured(backend=alias) from error
    return Cluster(
        alias,
        backend.es,
        f"{backend.index_prefix}wagtail_mailarchive",
        entry.get("INDEX_SETTINGS", {}),
        _errors(backend.es),
    )


def _entry(alias: str) -> Mapping[str, Any]:
    entry: Mapping[str, Any] = get_app_config().get_search_backend_config()[alias]
    return entry


def _errors(client: object) -> tuple[type[Exception], ...]:
    packages = {each.__module__.partition(".")[0] for each in type(client).__mro__} & _PACKAGES
    return tuple(
        getattr(sys.modules[package], name)
        for package in sorted(packages)
        for name in _ERRORS
        if hasattr(sys.modules[package], name)
    )
