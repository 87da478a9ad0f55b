"""Chromium for browser tests, and tabs in which somebody is signed in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

# Each width and each scheme once: no screen has colours of its own for a width. `make test` looks
# at the one in which more goes wrong, `make browser` at both.
_WINDOWS = [(390, "dark"), (1280, "light")]
EVERYTHING = os.environ.get("BROWSER") == "all"
each_window = pytest.mark.parametrize(("width", "scheme"), _WINDOWS if EVERYTHING else _WINDOWS[:1])
# For `emulate_media` on a page that is loaded, which is what takes the time.
SCHEMES: tuple[Literal["dark", "light"], ...] = ("light", "dark")
# A machine that is busy is no failure.
expect.set_options(timeout=20_000)


def path_of_chromium() -> str:
    path = shutil.which("chromium")
    assert path, "These tests need Debian's chromium: apt-get install chromium"
    return path


@contextmanager
def playwright_beside_django() -> Iterator[Playwright]:
    """Playwright, with Django made fit for its loop."""
    contents = getattr(connection, "_test_serialized_contents", None)
    with sync_playwright() as playwright:
        # Playwright's loop is another context, in which Django opens another connection; that one
        # has to know, too, what to put back after each test.
        connection._test_serialized_contents = contents  # type: ignore[attr-defined]
        # Playwright's loop makes Django believe that it is called from asynchronous code.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        try:
            yield playwright
        finally:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
def chromium(django_db_setup: None) -> Iterator[Browser]:
    with playwright_beside_django() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path_of_chromium(),
            # Pages are looked at for seconds: threads that optimise their script do not pay.
            args=["--no-sandbox", "--js-flags=--single-threaded"],
        )
        yield browser
        browser.close()


@pytest.fixture
def tab_of(chromium: Browser, live_server: Any) -> Iterator[Callable[..., Page]]:
    """`tab_of(user)` opens a tab in which `user` is signed in; options go to its context."""
    contexts: list[BrowserContext] = []

    def open_tab(user: User, **options: Any) -> Page:
        client = Client()
        client.force_login(user)
        given = {"viewport": {"width": 1280, "height": 900}, "base_url": live_server.url}
        context = chromium.new_context(**(given | options))
        contexts.append(context)
        name = settings.SESSION_COOKIE_NAME
        value = client.cookies[name].value
        context.add_cookies([{"name": name, "value": value, "url": live_server.url}])
        return context.new_page()

    yield open_tab
    for context in contexts:
        context.close()
