"""Chromium's word on both layers, each alone, in the frame of the real message page.

A payload gives itself away by a mark that its script leaves in its window, by a request or a
connection, by leading the page elsewhere, or by laying itself over what is not its own. The first
tests prove that the payloads do all of it where neither layer is there, and that it is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

# In `make test`, every so many meet the frame raw, which takes longest, and every so many nothing.
RAW = 1 if EVERYTHING else 6
BARE = 1 if EVERYTHING else 3
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
    return payloads.own(frame.script(remote), remote.origin)


def dompurify() -> list[str]:
    return payloads.dompurify() if payloads.DOMPURIFY.exists() else []


def test_payloads_reach_out_where_nothing_stops_them(
    profile: BrowserContext,
    live_server: Any,
    remote: frame.Remote,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame.switch_off_sanitiser(monkeypatch)
    frame.switch_off_headers(monkeypatch)
    given = own(remote)[len(payloads.SCRIPTS) :: BARE]
    shown = [frame.without_sandbox(each) for each in frame.framed_messages(given)]
    visits = list(frame.look(profile, live_server.url, shown))
    assert_all_were_answered(visits, shown)
    named = {path for each in given for path in remote.paths_in(each)}
    # Of the rest some are for other browsers, some are followed when the first has led the page
    # away.
    assert len(named.intersection(remote.asked)) > len(named) / 3
    assert remote.connections > len(set(remote.asked))
    assert [each for visit in visits for each in visit.overlays]
    assert any(each.startswith("outer page") for visit in visits for each in visit.harm)


def test_script_is_seen_even_where_it_can_reach_nobody(
    profile: BrowserContext,
    live_server: Any,
    remote: frame.Remote,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A frame with a hole for script and for nothing else: no request, no dialog, no window."""
    frame.switch_off_sanitiser(monkeypatch)
    frame.switch_off_headers(monkeypatch, "default-src 'none'; script-src 'unsafe-inline'")
    given = own(remote)[: len(payloads.SCRIPTS)]
    # The others of DOMPurify's do not say when they run, and one of them never ends.
    given = (given + [each for each in dompurify() if "alert" in each])[:: 2 * BARE - 1]
    shown = [
        frame.without_sandbox(each, ' sandbox="allow-scripts"')
        for each in frame.framed_messages(given)
    ]
    visits = list(frame.look(profile, live_server.url, shown))
    assert_all_were_answered(visits, shown)
    # The rest is there to slip through a sanitiser that reads HTML otherwise than a browser.
    assert sum(len(visit.marked) for visit in visits) > len(given) / 5
    assert not [each for visit in visits for each in visit.harm if not each.startswith("script")]
    assert (remote.asked, remote.connections) == ([], 0)


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
    given = own(remote) + dompurify()
    shown = [
        frame.without_sandbox(each) for each in frame.framed_messages(given, together=TOGETHER)
    ]
    visits = list(frame.look(profile, live_server.url, shown))
    assert_nothing_was_done(visits, remote)
    assert [each for visit in visits for each in visit.overlays] == []
    assert_all_were_answered(visits, shown)
    assert sum(visit.shown for visit in visits) == len(given)
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
    given = (own(remote) + dompurify())[::RAW]
    shown = frame.framed_messages(given)
    assert len(shown) == len(given)
    if layer == "headers":  # as where a reader opens the frame in a tab of its own
        shown = [frame.without_sandbox(each) for each in shown]
    visits = list(frame.look(profile, live_server.url, shown))
    assert_nothing_was_done(visits, remote)
    assert_all_were_answered(visits, shown)
    assert sum(visit.shown for visit in visits) == len(given)
    count(f"{PAYLOADS}{layer} alone", len(given))


def assert_nothing_was_done(visits: Sequence[frame.Visit], remote: frame.Remote) -> None:
    assert [each for visit in visits for each in visit.harm] == []
    assert (remote.asked, remote.connections) == ([], 0)


def assert_all_were_answered(visits: Sequence[frame.Visit], shown: Sequence[str]) -> None:
    """See that each frame got its document: an empty frame would be a harmless one."""
    answers = [status for visit in visits for status in visit.answers.values()]
    assert answers == [200] * len(shown)
