"""Atom feeds: valid, conditional, and for nobody's eyes but the reader's."""

from __future__ import annotations

import base64
import html
import re
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.http import http_date
from wagtail.models import Page, PageViewRestriction

from tests import factories
from tests.reading import mail
from tests.site.models import WorkspacePage
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage
from wagtail_mailarchive.reading.feeds import ENTRIES

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 1, 10, 12, tzinfo=UTC)
ATOM = "{http://www.w3.org/2005/Atom}"


def read(response: Any) -> ElementTree.Element:
    assert response.status_code == 200
    assert response["Content-Type"] == "application/atom+xml; charset=utf-8"
    return ElementTree.fromstring(response.content)  # noqa: S314 (ours)


def titles(response: Any) -> list[str | None]:
    return [each.findtext(f"{ATOM}title") for each in read(response).iter(f"{ATOM}entry")]


def hide(message: EmailMessagePage) -> None:
    kind = PageViewRestriction.LOGIN
    PageViewRestriction.objects.create(page=message.page_ptr, restriction_type=kind)


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder(title="Mail & more")


def test_a_folders_feed_holds_its_newest_messages(client: Client, folder: EmailFolderPage) -> None:
    pages = factories.archive(folder, *mail.series(ENTRIES + 2, BEGIN))
    address = f"{folder.url}feed/"
    assert address in client.get(folder.url).content.decode()
    feed = read(client.get(address))
    assert feed.findtext(f"{ATOM}title") == "Mail & more"
    assert feed.findtext(f"{ATOM}id") == f"http://testserver{address}"
    links = {each.get("rel"): each.get("href") for each in feed.findall(f"{ATOM}link")}
    assert links == {
        "self": f"http://testserver{address}",
        "alternate": f"http://testserver{folder.url}",
    }
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == ENTRIES
    newest, page = entries[0], pages[-1]
    assert newest.findtext(f"{ATOM}title") == page.subject
    assert newest.findtext(f"{ATOM}id") == f"urn:uuid:{page.translation_key}"
    assert newest.findtext(f"{ATOM}author/{ATOM}name") == "Ada Lovelace"
    assert newest.findtext(f"{ATOM}published") == page.sorted_at.isoformat()
    assert newest.findtext(f"{ATOM}summary") == "Body"
    link = newest.find(f"{ATOM}link")
    assert link is not None
    assert str(link.get("href")).endswith(page.url)
    assert client.get(str(link.get("href"))).status_code == 200


def test_feeds_follow_a_thread_a_search_and_what_is_narrowed_down(
    client: Client, folder: EmailFolderPage
) -> None:
    first = factories.raw("plan", Message_ID="<a@x>", From="bo@example.org")
    answer = factories.raw("Re: plan", "needle\n", In_Reply_To="<a@x>")
    factories.archive(folder, first, answer, factories.raw("else"))
    message = EmailMessagePage.objects.get(subject="plan")
    assert set(titles(client.get(f"{folder.url}thread/{message.thread_id}/feed/"))) == {
        "plan",
        "Re: plan",
    }
    assert titles(client.get(f"{folder.url}feed/", {"q": "needle"})) == ["Re: plan"]
    assert titles(client.get(f"{folder.url}feed/", {"from": "bo@example.org"})) == ["plan"]
    assert titles(client.get("/mail/search/feed/", {"q": "needle"})) == ["Re: plan"]
    assert client.get("/mail/search/feed/").status_code == 404
    assert client.get(f"{folder.url}feed/", {"month": "x"}).status_code == 404
    assert client.get(f"{folder.url}thread/{message.thread_id + 999}/feed/").status_code == 404
    assert client.post(f"{folder.url}feed/").status_code == 405


def test_pages_lead_to_their_feeds(client: Client, folder: EmailFolderPage) -> None:
    [message] = factories.archive(folder, factories.raw("needle"))
    for page in (
        folder.url,
        f"{folder.url}?from=ada@example.org&view=date",
        f"{folder.url}?q=needle&order=relevance",
        "/mail/search/?q=needle",
        f"{folder.url}thread/{message.thread_id}/",
    ):
        shown = client.get(page).content.decode()
        [link] = re.findall('rel="alternate" type="application/atom.xml"[^>]* href="(.*?)"', shown)
        assert titles(client.get(html.unescape(link))) == ["needle"], page


def test_who_has_a_feed_already_is_told_so_until_something_changes(
    client: Client, folder: EmailFolderPage
) -> None:
    pages = factories.archive(folder, *mail.series(3, BEGIN))
    address = f"{folder.url}feed/"
    first = client.get(address)
    assert "private" in first["Cache-Control"]
    assert "Cookie" in first["Vary"]
    known = {"If-None-Match": first["ETag"]}
    again = client.get(address, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    hide(pages[1])
    # A date alone would keep what is hidden with whoever has it.
    for headers in (known, {"If-Modified-Since": http_date()}):
        assert titles(client.get(address, headers=headers)) == ["Number 2", "Number 0"]
    # What arrives late is new although its date is old.
    EmailMessagePage.objects.update(first_published_at=BEGIN - timedelta(days=1))
    known = {"If-None-Match": client.get(address)["ETag"]}
    factories.archive(folder, mail.dated(BEGIN - timedelta(days=9), "late"))
    assert client.get(address, headers=known).status_code == 200


def test_an_empty_feed_stays_the_same(client: Client, folder: EmailFolderPage) -> None:
    first = client.get(f"{folder.url}feed/")
    assert titles(first) == []
    assert (
        client.get(f"{folder.url}feed/", headers={"If-None-Match": first["ETag"]}).status_code
        == 304
    )


def test_feeds_hold_only_what_the_reader_may_see(client: Client, folder: EmailFolderPage) -> None:
    first = factories.raw("secret plan", Message_ID="<a@x>")
    pages = factories.archive(folder, first, factories.raw("re plan", In_Reply_To="<a@x>"))
    private = factories.folder(privacy="groups")
    factories.archive(private, factories.raw("private plan"))
    hide(pages[0])
    thread = f"{folder.url}thread/{pages[0].thread_id}/feed/"
    for address in (f"{folder.url}feed/", f"{folder.url}feed/?q=plan", thread):
        response = client.get(address)
        assert titles(response) == ["re plan"], address
        assert b"secret" not in response.content
    assert titles(client.get("/mail/search/feed/?q=plan")) == ["re plan"]
    assert client.get(f"{private.url}feed/").status_code == 302
    hide(pages[1])
    assert client.get(thread).status_code == 404
    client.force_login(factories.user())
    assert set(titles(client.get(f"{folder.url}feed/"))) == {"secret plan", "re plan"}


def test_no_mail_breaks_the_xml(client: Client, folder: EmailFolderPage) -> None:
    encoded = base64.b64encode("]]> <b>&amp; \x0b\x1f\ufffe 😀".encode())
    subject = b"Subject: =?utf-8?b?%s?=" % encoded
    raw = factories.raw("Subject", "<i>\x08 &lt;\n").replace(b"Subject: Subject", subject)
    factories.archive(folder, raw)
    [title] = titles(client.get(f"{folder.url}feed/"))
    assert title is not None
    assert title.startswith("]]> <b>&amp; ")
    assert title.endswith("😀")


def test_mail_on_no_site_is_in_no_feed(client: Client, folder: EmailFolderPage) -> None:
    nowhere = WorkspacePage(title="Nowhere", slug="nowhere")
    Page.get_first_root_node().add_child(instance=nowhere)
    factories.archive(factories.folder(nowhere), factories.raw("needle on no site"))
    factories.archive(folder, factories.raw("needle"))
    assert titles(client.get("/mail/search/feed/?q=needle")) == ["needle"]
