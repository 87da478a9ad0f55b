"""The real frame of real message pages, many to a page, with either layer switched off.

One layer is the sanitiser; the other is the frame: its `sandbox`, the headers of what it shows,
and the document around the mail.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from playwright.sync_api import BrowserContext, Dialog, Error, Frame, Page, Request, Response

from tests import factories
from wagtail_mailarchive.reading import html_body, html_document, message_page
from wagtail_mailarchive.reading.sanitizing import SanitizedHtml, sanitize

# On one page; Chromium is slow to close hundreds.
FRAMES = 60

_IFRAME = re.compile(r"<iframe[^>]*></iframe>")
_SEPARATOR = "\n<!-- next payload -->\n"
_galleries = count(1)

# Stands before each payload, so that one sees whether anything of the mail is shown.
_SHOWN = "This mail is shown."

# Script in a payload of ours does this. Behind a policy it can neither ask anybody for anything nor
# open a dialog, but its own window it can always mark.
_MARK = "window.hit=1"
# And this is what the other ones do, DOMPurify's.
_MARK_AT_ALERT = f"window.alert = () => {{ {_MARK} }};"
_IS_MARKED = "() => window.hit === 1"

# Look at all that is there, then click whatever can be clicked, except links as mail has them,
# which may open their page. Names in the mail can hide the document's own methods.
_CLICK = """(text) => {
    const all = Document.prototype.querySelectorAll.call(document, "*");
    const overlays = [];
    let shown = 0;
    for (const each of all) {
        if (getComputedStyle(each).position !== "static") overlays.push(each.localName);
        if (each.localName === "p" && each.textContent === text) shown += 1;
    }
    for (const each of all) {
        const attribute = (name) => Element.prototype.getAttribute.call(each, name) || "";
        const to = attribute("href") || attribute("xlink:href");
        const link = /^\\s*(https?:|mailto:|tel:|\\/\\/)/i.test(to);
        if (link && !/^_(top|parent)$/i.test(attribute("target"))) continue;
        each.dispatchEvent(new MouseEvent("click", {cancelable: true}));
    }
    return {overlays, shown, marked: window.hit === 1};
}"""


class Remote:
    """Where payloads load from: a web server on loopback that nobody ought to reach.

    Attributes:
        asked: the path of every request.
        connections: how many there were, with or without a request.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.connections = 0
        remote = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                remote.asked.append(self.path)
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_POST = do_GET  # noqa: N815

            def log_message(self, *args: object) -> None:
                """Keep the output of tests clean."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def verify_request(self, *args: Any) -> bool:
                remote.connections += 1
                return True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def paths_in(self, payload: str) -> set[str]:
        """Return the addresses that `payload` names, as far as it writes them plainly."""
        return set(re.findall(re.escape(self.origin) + r"(/[\w./-]+)", payload))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def script(remote: Remote) -> str:
    """Return script that gives itself away, wherever it stands in a payload."""
    return f"[{_MARK},fetch(`{remote.origin}/hit`)]"


def switch_off_sanitiser(monkeypatch: pytest.MonkeyPatch) -> None:
    def let_through(html: str, **_: object) -> SanitizedHtml:
        return SanitizedHtml(html)

    monkeypatch.setattr(html_body, "sanitize", let_through)


def sanitise_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a message of several payloads be sanitised as if each were one of its own."""

    def piecewise(html: str, **options: Any) -> SanitizedHtml:
        pieces = [sanitize(each, **options).html for each in html.split(_SEPARATOR)]
        return SanitizedHtml(_SEPARATOR.join(pieces))

    monkeypatch.setattr(html_body, "sanitize", piecewise)


def switch_off_headers(monkeypatch: pytest.MonkeyPatch, policy: str = "") -> None:
    """
    Args:
        policy: a Content-Security-Policy instead of ours; "" for none.
    """
    # Without any, Django's own would forbid the frame.
    headers = {"X-Frame-Options": "SAMEORIGIN"}
    if policy:
        headers["Content-Security-Policy"] = policy
    monkeypatch.setattr(message_page, "frame_headers", lambda *_, **__: headers)
    monkeypatch.setattr(html_document, "without_hints", lambda html: html)


def framed_messages(payloads: Sequence[str], *, together: int = 1) -> list[str]:
    """Archive a message for each payload and return the frames of their pages, as served.

    Args:
        together: how many payloads one message holds.
    """
    cache.clear()
    marked = [f"<p>{_SHOWN}</p>{payload}" for payload in payloads]
    bodies = [
        _SEPARATOR.join(marked[start : start + together])
        for start in range(0, len(payloads), together)
    ]
    raws = [_message(number, body) for number, body in enumerate(bodies)]
    pages = factories.archive(factories.folder(), *raws)
    # The pages differ in where their frame leads to only.
    [first] = _IFRAME.findall(Client().get(pages[0].url).content.decode())
    assert first.count(pages[0].url) == 1
    return [first.replace(pages[0].url, page.url) for page in pages]


def _message(number: int, html: str) -> bytes:
    head = f"Subject: Payload {number}\nContent-Type: text/html; charset=utf-8\n"
    encoded = base64.encodebytes(html.encode("utf-8", "replace"))
    return head.encode() + b"Content-Transfer-Encoding: base64\n\n" + encoded


def without_sandbox(frame: str, instead: str = "") -> str:
    bare = re.sub(r' sandbox="[^"]*"', instead, frame)
    assert bare != frame
    return bare


class Visit:
    """One look at a page full of frames: what the payloads in them managed to do.

    Attributes:
        harm: script that ran, requests that left, pages and windows that went elsewhere.
        overlays: elements in frames that a style has taken out of their place.
        answers: the status with which each frame's document was answered, by its address.
        shown: how many payloads had what stands before them shown.
        marked: frames in which script ran, those within frames too.
    """

    def __init__(self, context: BrowserContext, origin: str, frames: Sequence[str]) -> None:
        self.overlays: list[str] = []
        self.answers: dict[str, int] = {}
        self.shown = 0
        self.marked: set[Frame] = set()
        self._own = re.compile(
            re.escape(origin) + r"/([a-z0-9-]+/)*([a-z0-9-]+/body/)?(gallery\d+)?"
        )
        self._sent: list[Request] = []
        self._moved: list[str] = []
        self._dialogs: list[str] = []
        gallery = f"{origin}/gallery{next(_galleries)}"
        page = context.new_page()
        page.add_init_script(_MARK_AT_ALERT)
        context.on("request", self._note)
        context.on("response", self._note_answer)
        context.on("dialog", self._dismiss)
        page.on("framenavigated", lambda frame: self._moved.append(frame.url))
        document = f"<!DOCTYPE html><title>outer</title>{''.join(frames)}"
        page.route(gallery, lambda route: route.fulfill(body=document, content_type="text/html"))
        page.goto(gallery, wait_until="load")
        page.wait_for_timeout(300)
        self._click(page)
        page.wait_for_timeout(300)
        self._find_marks(context)
        windows = [each.url for each in context.pages if each is not page]
        outer = [] if page.url == gallery else [f"outer page: {page.url}"]
        for each in list(context.pages):
            if each is not page:
                each.close()
        page.close()
        context.remove_listener("request", self._note)
        context.remove_listener("response", self._note_answer)
        context.remove_listener("dialog", self._dismiss)
        self.harm = [
            *outer,
            *(f"script in {frame.url[:200]}" for frame in self.marked),
            *self._dialogs,
            *(f"window: {url}" for url in windows if url != "about:blank"),
            *(url for url in self._moved if _is_web(url) and not url.startswith(origin)),
            *(each.url for each in self._sent if _left(each) and not self._is_own(each, origin)),
        ]

    def _click(self, page: Page) -> None:
        for frame in page.frames[1:]:
            with suppress(Error):  # it has gone, or gone elsewhere
                found = frame.evaluate(_CLICK, _SHOWN)
                self.overlays += found["overlays"]
                self.shown += found["shown"]
                if found["marked"]:
                    self.marked.add(frame)

    def _find_marks(self, context: BrowserContext) -> None:
        for frame in [frame for page in context.pages for frame in page.frames]:
            with suppress(Error):  # as above
                if frame.evaluate(_IS_MARKED):
                    self.marked.add(frame)

    def _note_answer(self, response: Response) -> None:
        if self._own.fullmatch(response.url) and response.url.endswith("/body/"):
            self.answers.setdefault(response.url, response.status)

    def _note(self, request: Request) -> None:
        self._sent.append(request)

    def _dismiss(self, dialog: Dialog) -> None:
        self._dialogs.append(dialog.message)
        with suppress(Error):
            dialog.dismiss()

    def _is_own(self, request: Request, origin: str) -> bool:
        if self._own.fullmatch(request.url):
            return True
        # A relative link that was clicked.
        return request.url.startswith(origin) and request.is_navigation_request()


def _is_web(url: str) -> bool:
    return url.startswith(("http:", "https:", "ws:", "wss:"))


def _left(request: Request) -> bool:
    """Whether a request got past the policies of the frame, and out of the browser.

    A data: document keeps the policies of where it came from; script in it would call home.
    """
    return _is_web(request.url) and request.failure not in ("csp", "origin")


def look(context: BrowserContext, origin: str, frames: Sequence[str]) -> Iterator[Visit]:
    """Show all frames, in portions."""
    for start in range(0, len(frames), FRAMES):
        yield Visit(context, origin, frames[start : start + FRAMES])
