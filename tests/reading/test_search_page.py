"""Pages of hits: of one folder and of all, what they tell, to whom, and at what cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.models import PageViewRestriction

from tests import factories
from tests.reading import mail
from wagtail_mailarchive.archive.search import snippets
from wagtail_mailarchive.archive.search.contents import set_attachment_text
from wagtail_mailarchive.archive.search.query import parse
from wagtail_mailarchive.models import SavedSearch
from wagtail_mailarchive.reading import search_facets, search_page
from wagtail_mailarchive.reading.search_hits import PAGE_SIZE
from wagtail_mailarchive.reading.site_search import best_hits

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 1, 10, 12, tzinfo=UTC)
ALL = "/mail/search/"


def subjects(response: Any) -> list[str]:
    assert response.status_code == 200
    return [hit.message.subject for hit in response.context["hits"]]


def told(response: Any) -> dict[str, dict[str, str]]:
    """{facet: {value: messages}}"""
    return {
        facet.title: {each.label: each.messages for each in facet.choices}
        for facet in response.context["counts"].facets
    }


def test_the_address_of_the_page_of_all_folders() -> None:
    assert reverse("wagtail_mailarchive:search") == ALL


def test_whoever_is_not_signed_in_is_led_there_and_back(client: Client) -> None:
    shown = client.get(ALL, {"q": "needle & hay"})
    there = shown.context["sign_in_address"]
    assert parse_qs(urlsplit(there).query) == {"next": [f"{ALL}?q=needle+%26+hay"]}
    assert f'href="{escape(there)}"' in shown.content.decode()
    client.force_login(factories.user())
    assert "Sign in to search" not in client.get(ALL, {"q": "needle"}).content.decode()


def test_all_folders_are_those_the_reader_may_read(client: Client) -> None:
    raw = [mail.dated(BEGIN, f"needle {n}") for n in range(6)]
    private_above = factories.workspace()
    PageViewRestriction.objects.create(page=private_above.page_ptr, restriction_type="login")
    unpublished = factories.workspace()
    places = {
        "open": factories.folder(title="Open"),
        "login": factories.folder(privacy="login"),
        "groups": factories.folder(privacy="groups"),
        "above": factories.folder(private_above),
        "gone": factories.folder(unpublished),
        "draft": factories.folder(),
    }
    for (name, folder), each in zip(places.items(), raw, strict=True):
        factories.archive(folder, each.replace(b"needle", f"needle {name}".encode()))
    unpublished.unpublish()
    places["draft"].unpublish()

    def found(reader: Client) -> set[str]:
        response = reader.get(ALL, {"q": "needle"})
        names = {subject.split()[1] for subject in subjects(response)}
        assert response.context["counts"].number == len(names)
        for name in set(places) - names:
            assert name not in response.content.decode().replace("login", "").split()
        return names

    assert found(client) == {"open"}
    signed_in, boss = Client(), Client()
    signed_in.force_login(factories.user())
    boss.force_login(factories.superuser())
    assert found(signed_in) == {"open", "login", "above"}
    assert found(boss) == {"open", "login", "above", "groups"}
    # Naming a folder does not open it.
    shown = client.get(ALL, {"q": f"needle in:{places['groups'].slug}"})
    assert subjects(shown) == []
    assert "there is no folder" in shown.content.decode()
    assert subjects(client.get(ALL, {"q": "needle in:open"})) == ["needle open 0"]


def test_counts_narrow_down_and_are_links(client: Client) -> None:
    folder = factories.folder()
    other = factories.folder(title="Second")
    factories.archive(
        folder,
        mail.dated(datetime(2025, 12, 31, 22, 30, tzinfo=UTC), "old needle"),
        mail.dated(datetime(2025, 12, 31, 23, 30, tzinfo=UTC), "needle of 2026 here"),
        factories.raw("needle", From="Bob <bob@mail.test>", List_Id="Users <u.example.org>"),
    )
    factories.archive(other, mail.attached("needle.pdf", b"%PDF"))
    response = client.get(ALL, {"q": "needle"})
    assert response.context["counts"].total == "4"
    assert told(response) == {
        "Year": {"2026": "3", "2025": "1"},
        "Folder": {"Mail": "3", "Second": "1"},
        "Sender": {"Ada": "3", "Bob": "1"},
        "List": {"u.example.org": "1"},
        "Attachment": {"With attachment": "1"},
    }
    for facet in response.context["counts"].facets:
        for value in facet.choices:
            assert client.get(value.address).context["counts"].total == value.messages
    assert told(client.get(folder.url, {"q": "needle"})).keys() == {"Year", "Sender", "List"}


def test_senders_are_called_what_they_call_themselves_last(client: Client) -> None:
    """Also where older mail is archived later."""
    folder = factories.folder()
    for name, year in (("Ada Lovelace", 2026), ("Ada Byron", 2025)):
        date = f"Thu, 05 Mar {year} 14:30:00 +0100"
        given = {"From": f"{name} <ada@example.org>", "Date": date}
        factories.archive(folder, factories.raw("needle", **given))
    factories.archive(folder, factories.raw("needle", From="Bob <bob@example.org>"))
    found = told(client.get(folder.url, {"q": "needle"}))
    assert found["Sender"] == {"Ada Lovelace": "2", "Bob": "1"}


def test_beyond_what_is_counted_it_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_facets, "MOST_COUNTED", 3)
    monkeypatch.setattr(search_page, "MOST_COUNTED", 3)
    folder = factories.folder()
    begin = BEGIN.replace(year=2020)
    factories.archive(folder, *mail.series(5, begin, timedelta(days=200)))
    response = client.get(folder.url, {"q": "number"})
    assert response.context["counts"].total == "3+"
    assert all(number.endswith("+") for number in told(response)["Year"].values())
    assert "3+ messages found" in response.content.decode()
    assert client.get(folder.url, {"q": "number before:2021"}).context["counts"].total == "2"


def test_hidden_messages_are_in_no_hit_and_no_count(client: Client) -> None:
    folder = factories.folder()
    pages = factories.archive(folder, *mail.series(6, BEGIN))
    PageViewRestriction.objects.create(page=pages[0].page_ptr, restriction_type="login")
    pages[1].live = False
    pages[1].save()
    for address in (ALL, folder.url):
        response = client.get(address, {"q": "number", "order": "relevance"})
        assert response.context["counts"].total == "4"
        assert len(subjects(response)) == 4


@pytest.mark.parametrize("order", ["", "relevance"])
def test_paging_leads_through_all_hits_once(client: Client, order: str) -> None:
    folder = factories.folder()
    factories.archive(folder, *mail.series(2 * PAGE_SIZE + 3, BEGIN))
    seen: list[str] = []
    address = f"{folder.url}?q=number&order={order}"
    while address:
        response = client.get(address)
        seen += subjects(response)
        assert response.context["counts"].total == str(2 * PAGE_SIZE + 3)
        address = response.context["further_address"]
        assert len(seen) < 100
    assert len(seen) == len(set(seen)) == 2 * PAGE_SIZE + 3


@pytest.mark.parametrize(
    "query",
    [{"before": "x"}, {"before": "9" * 30}, {"order": "relevance", "behind": "nan_1"}]
    + [
        {"order": "relevance", "behind": each} for each in ("1", "1_", "inf_3", "1e99_1", "1e-99_1")
    ],
)
def test_an_address_that_is_none_of_ours_is_not_found(
    client: Client, query: dict[str, str]
) -> None:
    factories.archive(factories.folder(), factories.raw())
    status = client.get(ALL, {"q": "subject", **query}).status_code
    assert status == 404


def test_what_was_found_is_marked_and_nothing_else_is_markup(client: Client) -> None:
    folder = factories.folder()
    body = "Far away. " * 50 + "<b>The Café</b> & <i>needle</i> of Łódź. " + "Behind. " * 50
    [page] = factories.archive(folder, factories.raw("<script>needle</script>", body))
    shown = client.get(folder.url, {"q": 'needle "the cafe" łódź'}).content.decode()
    assert "&lt;script&gt;<mark>needle</mark>&lt;/script&gt;" in shown
    assert "&lt;b&gt;<mark>The Café</mark>&lt;/b&gt; &amp; &lt;i&gt;<mark>needle</mark>" in shown
    set_attachment_text(page.pk, "Deep inside there is a zeppelin.")
    shown = client.get(folder.url, {"q": "zeppelin"}).content.decode()
    assert "inside there is a <mark>zeppelin</mark>" in shown
    factories.archive(folder, mail.attached("the airship.pdf", b"%PDF"))
    shown = client.get(folder.url, {"q": "filename:airship from:ada"}).content.decode()
    assert "the <mark>airship</mark>.pdf" in shown
    assert "<mark>Ada" not in shown


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("An annual, report.", '"annual report"', "An [annual, report]."),
        ("needles need a needle", "needle", "needles need a [needle]"),
        ("東京都で会議", "会議 東京", "[東京]都で[会議]"),
        ("Ma\u0301laga MÁLAGA", "malaga", "[Málaga] [MÁLAGA]"),
        ("a b", "-a b", "a [b]"),
        ("한글 İstanbul", "한글 istanbul", "[한글] [İstanbul]"),
        ("rome 会 romes 会議", "romes 会 rome", "[rome] [会] [romes] [会]議"),
        ("x", "from:", "x"),
    ],
)
def test_marks_stand_where_the_words_are(text: str, query: str, expected: str) -> None:
    pieces = snippets.Highlighter(parse(query).shown_terms()).mark(text)
    assert "".join(f"[{piece}]" if found else piece for piece, found in pieces) == expected


def test_many_words_are_not_each_tried_where_none_begins() -> None:
    terms = parse(" OR ".join(f"word{number}" for number in range(39))).shown_terms()
    pattern = snippets.Highlighter(terms)._pattern
    assert pattern is not None
    assert pattern.pattern.count("(?<!") == 1


def test_the_sites_own_search_shows_the_best_hits_first(client: Client) -> None:
    folder, other = factories.folder(title="Sales"), factories.folder()
    private = factories.folder(privacy="login")
    weak, strong = factories.archive(
        folder,
        mail.dated(BEGIN, "Else", "needle " + "padding " * 500),
        mail.dated(BEGIN, "Needle", "needle needle"),
    )
    hidden, middle = factories.archive(other, factories.raw("Needle"), factories.raw(body="needle"))
    PageViewRestriction.objects.create(page=hidden.page_ptr, restriction_type="login")
    factories.archive(private, factories.raw("Needle"))
    request = client.get(ALL).wsgi_request
    found = best_hits(request, "needle")
    assert [hit.message for hit in found] == [strong, middle, weak]
    assert found[0].address == strong.url
    assert found[0].subject == [("Needle", True)]
    assert [hit.message for hit in best_hits(request, "needle in:sales", 1)] == [strong]
    assert best_hits(request, "needle in:nowhere") == best_hits(request, " ") == []


def test_mistakes_are_explained_on_the_page(client: Client) -> None:
    folder = factories.folder()
    factories.archive(folder, factories.raw("Needle"))
    response = client.get(folder.url, {"q": "needle before:soon in:here"})
    assert subjects(response) == ["Needle"]
    shown = response.content.decode()
    assert "before: wants a date such as 2024-03-01; ignored here." in shown
    assert "in: is left out, since this searches one folder." in shown


def test_only_get(client: Client) -> None:
    response = client.post(ALL, {"q": "x"})
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
    assert client.get(ALL).status_code == client.head(ALL).status_code == 200
    assert "private" in client.get(ALL)["Cache-Control"]


def test_the_number_of_queries_is_constant(client: Client) -> None:
    client.force_login(factories.user())

    def queries(address: str) -> int:
        client.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    folders = [factories.folder() for _ in range(2)]
    for folder in folders:
        factories.archive(folder, *mail.series(5, BEGIN))
    before = queries(f"{ALL}?q=number"), queries(f"{folders[0].url}?q=number")
    for folder in (*folders, *(factories.folder() for _ in range(4))):
        factories.archive(folder, *mail.series(40, BEGIN))
    assert (queries(f"{ALL}?q=number"), queries(f"{folders[0].url}?q=number")) == before
    assert max(before) <= 25


# -- saved searches ----------------------------------------------------------------------------


def test_searches_are_saved_opened_renamed_and_deleted(client: Client) -> None:
    reader = factories.user()
    client.force_login(reader)
    folder = factories.folder()
    factories.archive(folder, factories.raw("Needle"))
    given = {"name": "Mine", "query": "needle from:ada", "order": "relevance", "folder": folder.pk}
    response = client.post("/mail/search/saved/", given, follow=True)
    assert subjects(response) == ["Needle"]
    assert response.context["by_relevance"]
    [saved] = response.context["saved"]
    assert (saved.name, saved.folder) == ("Mine", "Mail")
    address = f"/mail/search/saved/{saved.pk}/"
    client.post(address, {"rename": "1", "name": "Yours"})
    assert [each.name for each in client.get(ALL).context["saved"]] == ["Yours"]
    client.post(address, {"delete": "1"})
    assert client.get(ALL).context["saved"] == []


def test_saved_searches_are_nobody_elses(client: Client) -> None:
    owner, other = factories.user(), factories.superuser()
    saved = SavedSearch.objects.create(owner=owner, name="Secret plan", query="x")
    client.force_login(other)
    assert "Secret plan" not in client.get(ALL).content.decode()
    for action in ({"rename": "1", "name": "y"}, {"delete": "1"}):
        assert client.post(f"/mail/search/saved/{saved.pk}/", action).status_code == 404
    assert SavedSearch.objects.get().name == "Secret plan"
    anonymous = Client()
    assert "/saved/" not in anonymous.get(ALL).content.decode()
    for address in ("/mail/search/saved/", f"/mail/search/saved/{saved.pk}/"):
        assert anonymous.post(address, {"name": "a", "query": "b"}).status_code == 302
        assert anonymous.get(address).status_code == 405
    assert SavedSearch.objects.count() == 1


def test_a_folder_that_cannot_be_read_is_neither_saved_nor_named(client: Client) -> None:
    reader = factories.user()
    client.force_login(reader)
    private = factories.folder(privacy="groups", title="Board")
    given = {"name": "Mine", "query": "x", "folder": private.pk}
    client.post("/mail/search/saved/", given)
    assert not SavedSearch.objects.exists()
    SavedSearch.objects.create(owner=reader, name="Once", query="x", folder=private)
    shown = client.get(ALL).content.decode()
    assert "Board" not in shown
    assert "Once" not in shown
