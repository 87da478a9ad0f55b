"""Chromium's word on both layers, each alone: sanitised mail without fences, raw mail behind them.

A payload gives itself away by running script, by a request, or by leading the page elsewhere. A
first test proves that the payloads do all three where neither layer is there.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import get_args

import pytest
from playwright.sync_api import Browser, Dialog, Request, sync_playwright

from tests.reading import payloads
from wagtail_mailarchive.reading.html_document import FRAME_SANDBOX, document, frame_headers
from wagtail_mailarchive.reading.sanitizing import Engine, sanitize

pytestmark = pytest.mark.browser

# Script in a payload calls home; DOMPurify's call alert().
HIT = "fetch(`/hit`)"
# On one page; Chromium is slow to close hundreds.
FRAMES = 60


class Site:
    """A web server on loopback whose pages a test puts in, and whose requests it reads.

    Attributes:
        pages: path -> (headers, body).
        asked: every path that was requested and is no page.
    """

    def __init__(self) -> None:
        self.pages: dict[str, tuple[dict[str, str], str]] = {"/favicon.ico": ({}, "")}
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = site.pages.get(self.path)
                if page is None:
                    site.asked.append(self.path)
                headers, body = page or ({}, "")
                self.send_response(200 if page else 404)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(body.encode())

            do_POST = do_GET  # noqa: N815

            def log_message(self, *args: object) -> None:
                """Keep the output of tests clean."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    assert path, "These tests need Debian's chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--disable-background-networking",
                "--disable-sync",
                # A process for each of hundreds of frames would take minutes.
                "--disable-features=IsolateSandboxedIframes",
                "--disable-site-isolation-trials",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def remote() -> Iterator[Site]:
    """Where payloads load from."""
    site = Site()
    yield site
    site.close()


class Visit:
    """One look at a page that frames others: what a payload in them managed to do.

    Attributes:
        dialogs: messages of alert() and its like.
        left: the addresses that frames went to and that are not pages of the site.
        requested: every request to anything but the site's pages that no policy of ours stopped.
        windows: how many there are at the end, itself included.
    """

    def __init__(self, chromium: Browser, site: Site, path: str = "/") -> None:
        own = {site.origin + page for page in site.pages}
        own_schemes = ("about:", "data:image/", "chrome-error:")
        sent: list[Request] = []
        frames: list[str] = []
        self.dialogs: list[str] = []

        def dismiss(dialog: Dialog) -> None:
            self.dialogs.append(dialog.message)
            dialog.dismiss()

        context = chromium.new_context()
        page = context.new_page()
        page.on("dialog", dismiss)
        page.on("request", lambda request: sent.append(request))
        page.on("framenavigated", lambda frame: frames.append(frame.url))
        page.goto(site.origin + path, wait_until="load")
        page.wait_for_timeout(500)
        self.windows = len(context.pages)
        context.close()
        self.left = [url for url in frames if url not in own and not url.startswith(own_schemes)]
        self.requested = [
            request.url
            for request in sent
            if request.url not in own
            and not request.url.startswith(own_schemes)
            and request.failure not in ("csp", "origin")  # these never left
        ]

    @property
    def harm(self) -> list[str]:
        return [*self.dialogs, *self.left, *self.requested, *["window"] * (self.windows - 1)]


def framed(paths: list[str], sandbox: str) -> str:
    frames = "".join(f'<iframe {sandbox} src="{path}"></iframe>' for path in paths)
    return f"<!DOCTYPE html><title>outer</title>{frames}"


def visits(
    chromium: Browser, site: Site, documents: list[str], headers: dict[str, str], sandbox: str = ""
) -> list[str]:
    """Show every document in a frame of its own, many to a page; return the harm done."""
    harm = []
    for start in range(0, len(documents), FRAMES):
        batch = {f"/{start + n}": html for n, html in enumerate(documents[start : start + FRAMES])}
        site.pages |= {path: (headers, html) for path, html in batch.items()}
        site.pages["/"] = ({}, framed(list(batch), sandbox))
        harm += Visit(chromium, site).harm
    return harm


def corpus(remote: Site) -> list[str]:
    own = payloads.own(HIT, remote.origin)
    return own + (payloads.dompurify() if payloads.DOMPURIFY.exists() else [])


def test_payloads_do_harm_where_nothing_stops_them(
    chromium: Browser, site: Site, remote: Site
) -> None:
    own = payloads.own(HIT, remote.origin)
    harm = visits(chromium, site, [f"<!DOCTYPE html><body>{each}" for each in own], {})
    assert "/hit" in site.asked
    assert len(set(remote.asked)) > 25
    assert f"{remote.origin}/refresh" in harm


@pytest.mark.parametrize("engine", get_args(Engine))
def test_sanitised_mail_does_nothing_without_frame_and_headers(
    engine: Engine, chromium: Browser, site: Site, remote: Site
) -> None:
    shown = [
        sanitize(payload, engine=engine, inline_image=lambda _: None).html
        for payload in corpus(remote)
    ]
    # Several to a document: one could open what another has left open.
    documents = [document("\n".join(shown[n : n + 5])) for n in range(0, len(shown), 5)]
    assert visits(chromium, site, documents, {}) == []
    assert site.asked == []
    assert remote.asked == []


@pytest.mark.slow
def test_raw_mail_does_nothing_behind_frame_and_headers(
    chromium: Browser, site: Site, remote: Site
) -> None:
    documents = [document(payload) for payload in corpus(remote)]
    headers = frame_headers([f"{site.origin}/inline/"])
    assert visits(chromium, site, documents, headers, f'sandbox="{FRAME_SANDBOX}"') == []
    assert site.asked == []
    assert remote.asked == []
