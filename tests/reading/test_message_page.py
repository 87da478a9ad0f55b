"""The message page and the HTML body in its frame."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from wagtail.models import PageViewRestriction

from tests import factories
from tests.reading import mail
from wagtail_mailarchive.models import EmailMessagePage, OriginalChunk

pytestmark = pytest.mark.django_db

RECEIVED = datetime(2026, 3, 6, 7, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


def message(*raws: bytes, **values: Any) -> EmailMessagePage:
    return factories.archive(factories.folder(), *raws, **values)[0]


def shown(page: EmailMessagePage, query: str = "") -> str:
    response = Client().get(page.url + query)
    assert response.status_code == 200
    return response.content.decode()


def test_headers_are_shown_whole() -> None:
    page = message(
        factories.raw(
            "A long subject " * 40,
            Cc='"Hopper, Grace" <grace@example.org>, plain@example.org',
            Reply_To="list@example.org",
            Bcc="hidden@example.org",
        ),
        received_at=RECEIVED,
    )
    text = shown(page)
    assert ("A long subject " * 40).strip() in text
    for expected in (
        "<bdi>Ada Lovelace</bdi>",
        "&lt;ada@example.org&gt;",
        "<bdi>Hopper, Grace</bdi>",
        "<bdi>plain@example.org</bdi>",
        "list@example.org",
        "hidden@example.org",
        "March 5, 2026, 2:30 p.m. CET",
        "March 6, 2026, 8 a.m. CET",
    ):
        assert expected in text
    assert "Sorted by" not in text


def test_many_recipients_are_folded_away() -> None:
    people = ", ".join(f"person{number}@example.org" for number in range(40))
    text = shown(message(factories.raw(To=people)))
    assert "<summary>30 more</summary>" in text
    assert "person39@example.org" in text


def test_hostile_headers_are_text() -> None:
    text = shown(message(factories.raw("<script>alert(1)</script>", From='"<b>x" <a@b.example>')))
    assert "<script>" not in text
    assert "<b>x" not in text


@pytest.mark.parametrize(
    ("date", "received", "sentence"),
    [
        ("", RECEIVED, "Sorted by the time it was received, because its Date is missing."),
        (
            "Thu, 05 Mar 2076 14:30:00 +0100",
            RECEIVED,
            "Sorted by the time it was received, because its Date is implausible.",
        ),
        ("", None, "Sorted by the time it was archived, because its Date is missing."),
        (
            "Thu, 05 Mar 2076 14:30:00 +0100",
            None,
            "Sorted by the time it was archived, because its Date is implausible.",
        ),
    ],
)
def test_sorting_by_another_time_is_explained(
    date: str, received: datetime | None, sentence: str
) -> None:
    page = message(factories.raw(Date=date), received_at=received)
    assert sentence in shown(page)
    assert "(not from its Date)" in Client().get(page.folder.url + "?view=date").content.decode()


def test_text_is_shown_with_links() -> None:
    text = shown(message(factories.raw(body="Look: https://example.org/a?b=1&c <here>\n")))
    assert '<a href="https://example.org/a?b=1&amp;c"' in text
    assert "&lt;here&gt;" in text
    assert "<iframe" not in text


def test_html_is_shown_in_a_sandboxed_frame() -> None:
    page = message(mail.html())
    text = shown(page)
    assert f'src="{page.url}body/"' in text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in text
    assert 'referrerpolicy="no-referrer"' in text
    assert "Hello in plain words" not in text
    assert mail.REMOTE not in text
    as_text = shown(page, "?view=text")
    assert "Hello in plain words" in as_text
    assert "<iframe" not in as_text


def test_the_frames_document_is_fenced_in() -> None:
    page = message(mail.html("<p>Hi</p><script>alert(1)</script><form action=x><input></form>"))
    response = Client().get(page.url + "body/")
    text = response.content.decode()
    assert "Hi" in text
    for forbidden in ("<script", "alert", "<form", "<input"):
        assert forbidden not in text
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "img-src http://testserver/mail/inline/ data:;" in policy
    assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]


def test_a_text_message_has_no_frame_document() -> None:
    assert Client().get(message(factories.raw()).url + "body/").status_code == 404


@pytest.mark.parametrize("engine", ["nh3", "bleach"])
def test_either_engine_shows_the_body(engine: str, settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "SANITIZER": engine}
    page = message(mail.html("<p>Hi <b>there</b></p><script>alert(1)</script>"))
    text = Client().get(page.url + "body/").content.decode()
    assert "<b>there</b>" in text
    assert "alert" not in text


def test_html_that_is_refused_gives_way_to_its_text() -> None:
    page = message(mail.html("<div>" * 5000 + "deep"))
    text = shown(page)
    assert "The HTML of this message is not safe to show; this is its text." in text
    assert "Hello in plain words" in text
    assert "<iframe" not in text
    assert Client().get(page.url + "body/").status_code == 404


def test_huge_html_gives_way_to_its_text() -> None:
    page = message(mail.html("<p>" + "lorem ipsum " * 200_000))
    assert "too large to be shown; this is its text." in shown(page)


def test_a_failing_store_is_told_and_the_text_still_shown() -> None:
    page = message(mail.html())
    OriginalChunk.objects.all().delete()
    text = shown(page)
    assert "cannot be read at the moment; this is its text." in text
    assert "Hello in plain words" in text


def test_a_message_without_text_says_so() -> None:
    assert "This message has no text." in shown(message(factories.raw(body="")))


def test_attachments_are_listed_with_size_and_address() -> None:
    page = message(mail.html())
    text = shown(page)
    assert "2 attachments" in text
    assert "tabelle – März.csv" in text
    assert f'href="{page.url}attachment/1/"' in text
    assert "shown in the text" in text


def test_the_sanitised_body_is_cached_without_a_readers_addresses() -> None:
    page = message(mail.html())
    first = Client().get(page.url + "body/").content.decode()
    OriginalChunk.objects.all().delete()  # nothing to sanitise anew
    second = Client().get(page.url + "body/").content.decode()
    assert "/mail/inline/" in first
    assert "/mail/inline/" in second


def test_a_link_cannot_carry_an_images_address_away() -> None:
    source = (
        f'<img src="cid:{mail.CONTENT_ID}"><a href="https://evil.example/?cid:{mail.CONTENT_ID}">x</a>'
        f'<a href="cid:{mail.CONTENT_ID}">y</a>'
    )
    text = Client().get(message(mail.html(source)).url + "body/").content.decode()
    assert text.count("/mail/inline/") == 1


def queries_of(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


@pytest.mark.parametrize(("route", "expected"), [("", 13), ("?view=text", 13), ("body/", 12)])
def test_the_number_of_queries_is_constant(client: Client, route: str, expected: int) -> None:
    folder = factories.folder()
    (page,) = factories.archive(folder, mail.html())
    alone = queries_of(client, page.url + route)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    for other in factories.archive(folder, *mail.series(300, begin))[:3]:
        PageViewRestriction.objects.create(page=other.page_ptr, restriction_type="login")
    assert (alone, queries_of(client, page.url + route)) == (expected, expected)
