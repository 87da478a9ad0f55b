"""Chromium's word on both layers, each alone, in the frame of the real message page.

A payload gives itself away by running script, by a request or a connection, by leading the page
elsewhere, or by laying itself over what is not its own. A first test proves that the payloads do
all of it where neither layer is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from playwright.sync_api import BrowserContext
from pytest_django import Settings

from tests.browser import path_of_chromium, playwright_beside_django
from tests.hostile import frame
from tests.hostile.counting import PAYLOADS, Count
from tests.hostile.extent import EVERYTHING
from tests.reading import payloads
from wagtail_mailarchive.reading.sanitizing import Engine

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]

# In `make test`, every so many meet the frame raw, which takes longest.
RAW = 1 if EVERYTHING else 3
# Sanitised ones share a message then.
TOGETHER = 1 if EVERYTHING else 10


@pytest.fixture(scope="module")
def profile(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    """An ordinary profile: in a private one Chromium does not connect ahead."""
    with playwright_beside_django() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=path_of_chromium(),
            ignore_default_args=["--disable-background-networking"],
            args=[
                "--no-sandbox",
                "--disable-sync",
                # A process for each of hundreds of frames would take minutes.
                "--disable-features=IsolateSandboxedIframes",
                "--disable-site-isolation-trials",
            ],
        )
        yield context
        context.close()


@pytest.fixture
def remote() -> Iterator[frame.Remote]:
    remote = frame.Remote()
    yield remote
    remote.close()


def own(remote: frame.Remote) -> list[str]:
    # Script in a payload calls home; in DOMPurify's it calls alert().
    return payloads.own(f"fetch(`{remote.origin}/hit`)", remote.origin)


def all_payloads(remote: frame.Remote) -> list[str]:
    return own(remote) + (payloads.dompurify() if payloads.DOMPURIFY.exists() else [])


def test_payloads_do_harm_where_nothing_stops_them(
    profile: BrowserContext,
    live_server: Any,
    remote: frame.Remote,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame.switch_off_sanitiser(monkeypatch)
    frame.switch_off_headers(monkeypatch)
    shown = [frame.without_sandbox(each) for each in frame.framed_messages(own(remote)[::RAW])]
    harm: list[str] = []
    overlays: list[str] = []
    outer = 0
    for visit in frame.look(profile, live_server.url, shown):
        harm += visit.harm
        overlays += visit.overlays
        outer += any(each.startswith("outer page") for each in visit.harm)
    assert "/hit" in remote.asked
    assert overlays
    assert outer
    assert len(set(remote.asked)) > 15
    assert remote.connections > len(set(remote.asked))


@pytest.mark.parametrize("engine", get_args(Engine))
def test_sanitised_mail_does_nothing_without_frame_and_headers(
    engine: Engine,
    profile: BrowserContext,
    live_server: Any,
    remote: frame.Remote,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    count: Count,
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "SANITIZER": engine}
    frame.sanitise_each(monkeypatch)
    frame.switch_off_headers(monkeypatch)
    given = all_payloads(remote)
    shown = [
        frame.without_sandbox(each) for each in frame.framed_messages(given, together=TOGETHER)
    ]
    visits = list(frame.look(profile, live_server.url, shown))
    assert [each for visit in visits for each in visit.harm] == []
    assert [each for visit in visits for each in visit.overlays] == []
    assert (remote.asked, remote.connections) == ([], 0)
    count(f"{PAYLOADS}{engine} alone", len(given))


@pytest.mark.parametrize(
    "layer", ["frame and headers", "headers"] if EVERYTHING else ["frame and headers"]
)
def test_raw_mail_does_nothing_behind_frame_and_headers(
    layer: str,
    profile: BrowserContext,
    live_server: Any,
    remote: frame.Remote,
    monkeypatch: pytest.MonkeyPatch,
    count: Count,
) -> None:
    frame.switch_off_sanitiser(monkeypatch)
    given = all_payloads(remote)[::RAW]
    shown = frame.framed_messages(given)
    assert len(shown) == len(given)
    if layer == "headers":  # as where a reader opens the frame in a tab of its own
        shown = [frame.without_sandbox(each) for each in shown]
    assert [
        each for visit in frame.look(profile, live_server.url, shown) for each in visit.harm
    ] == []
    assert (remote.asked, remote.connections) == ([], 0)
    count(f"{PAYLOADS}{layer} alone", len(given))
