"""Real servers as fixtures, one of each per test process."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import settings as site

from .certificates import Authority
from .cluster import SearchServer
from .dovecot import Dovecot, DovecotUnavailable
from .oauth import OAuthServer
from .postgresql import PostgreSQL, PostgreSQLUnavailable

_users = itertools.count(1)


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """A running Dovecot without users. Fails, saying what to install, where there is none."""
    server = Dovecot()
    try:
        server.__enter__()
    except DovecotUnavailable as problem:
        pytest.fail(str(problem), pytrace=False)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def mail_user(dovecot: Dovecot) -> str:
    """A user of `dovecot` that no other test knows, with an empty INBOX."""
    return dovecot.create_user(f"user{next(_users)}")


@pytest.fixture(scope="session")
def _oauth() -> Iterator[OAuthServer]:
    with OAuthServer() as server:
        yield server


@pytest.fixture
def oauth_server(_oauth: OAuthServer) -> Iterator[OAuthServer]:
    """An authorization server that has given nothing yet."""
    with _oauth.fresh():
        yield _oauth


@pytest.fixture(scope="session")
def oauth_dovecot(_oauth: OAuthServer) -> Iterator[Dovecot]:
    """A Dovecot that takes the access tokens of `oauth_server`, beside passwords."""
    with Dovecot(introspection_url=_oauth.introspection_url()) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A running PostgreSQL. Fails, saying what to install, where there is none."""
    server = PostgreSQL()
    try:
        server.__enter__()
    except PostgreSQLUnavailable as problem:
        pytest.fail(str(problem), pytrace=False)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A certificate authority for scripted servers."""
    return Authority()


@pytest.fixture(scope="session")
def _search_server() -> Iterator[SearchServer]:
    with SearchServer() as server:
        yield server


@pytest.fixture
def search_server(
    _search_server: SearchServer, use_cluster: Callable[..., None]
) -> Iterator[SearchServer]:
    """A server that searches the mail of the site, with no index yet."""
    _search_server.clear()
    use_cluster(_search_server.url)
    yield _search_server
    _search_server.clear()


@pytest.fixture
def use_cluster(settings: Any) -> Iterator[Callable[..., None]]:
    """`use_cluster(url, client, **entry)`: have mail searched there."""
    # This module is imported before Django is set up.
    from wagtail_mailarchive.archive.search.cluster.client import connect

    def use(url: str, client: str = "elasticsearch9", **entry: Any) -> None:
        connect.cache_clear()
        settings.WAGTAILSEARCH_BACKENDS = {
            "default": {"BACKEND": "wagtail.search.backends.database"},
            "elastic": {
                "BACKEND": f"wagtail.search.backends.{client}",
                "URLS": [url],
                # Pages of the site are none of ours.
                "AUTO_UPDATE": False,
                **entry,
            },
        }
        settings.WAGTAIL_MAILARCHIVE = site.WAGTAIL_MAILARCHIVE | {"SEARCH_BACKEND": "elastic"}

    yield use
    connect.cache_clear()
