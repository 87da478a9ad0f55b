"""The folder page: order, paging, months, search; and at what cost."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.template.defaultfilters import filesizeformat
from django.test import Client
from django.test.utils import CaptureQueriesContext
from wagtail.models import PageViewRestriction

from tests import factories
from tests.reading import mail
from wagtail_mailarchive.models import EmailMessagePage
from wagtail_mailarchive.reading.listing import PAGE_SIZE
from wagtail_mailarchive.reading.search_hits import PAGE_SIZE as HITS

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 1, 10, 12, tzinfo=UTC)


def subjects(response: Any) -> list[str]:
    assert response.status_code == 200
    if "hits" in response.context:
        return [hit.message.subject for hit in response.context["hits"]]
    view, rows = response.context["view"], response.context["rows"]
    return [row.subject if view == "thread" else row[0].subject for row in rows]


def restrict(message: EmailMessagePage, kind: str = PageViewRestriction.LOGIN) -> None:
    PageViewRestriction.objects.create(page=message.page_ptr, restriction_type=kind)


def walk(client: Client, address: str, step: str) -> list[list[str]]:
    """The pages from `address` on, following the link `step`."""
    pages = []
    while address:
        response = client.get(address)
        pages.append(subjects(response))
        address = response.context[step]
        assert len(pages) < 20
    return pages


@pytest.mark.parametrize("query", ["", "?view=date", "?from=ada@example.org"])
def test_newest_first_whole_in_both_directions(client: Client, query: str) -> None:
    folder = factories.folder()
    count = 2 * PAGE_SIZE + 7
    # Groups of the same second, so that pages have to be cut within one.
    raws = mail.series(count, BEGIN, timedelta(seconds=0))
    factories.archive(folder, *raws)
    expected = [f"Number {number}" for number in reversed(range(count))]

    older = walk(client, folder.url + query, "older_address")
    assert [len(page) for page in older] == [PAGE_SIZE, PAGE_SIZE, 7]
    assert [each for page in older for each in page] == expected

    first = client.get(folder.url + query)
    second = client.get(first.context["older_address"])
    third = client.get(second.context["older_address"])
    assert third.context["older_address"] == ""
    back = walk(client, third.context["newer_address"], "newer_address")
    assert back[:2] == [older[1], older[0]]
    assert first.context["newer_address"] == ""


def test_sorted_by_date_not_by_arrival(client: Client) -> None:
    folder = factories.folder()
    late, early = mail.dated(BEGIN, "late"), mail.dated(BEGIN - timedelta(days=9), "early")
    factories.archive(folder, late, early)
    assert subjects(client.get(folder.url)) == ["late", "early"]


def test_rows_show_what_helps_to_choose(client: Client) -> None:
    folder = factories.folder()
    (with_file, empty) = factories.archive(
        folder, mail.attached("a.pdf", b"%PDF"), factories.raw("", "Short text\n")
    )
    shown = client.get(folder.url, {"view": "date"}).content.decode()
    assert "(no subject)" in shown
    assert "Short text" in shown
    assert "Ada Lovelace" in shown
    assert filesizeformat(with_file.size) in shown
    assert '<span>1</span><span class="mailarchive-unseen"> attachment</span>' in shown
    assert f'href="{empty.url}"' in shown
    # It is the site's own.
    assert "By the sender’s clock" not in shown


def test_months_count_and_lead_to_their_messages(client: Client) -> None:
    folder = factories.folder()
    march = [mail.dated(datetime(2026, 3, day, tzinfo=UTC), f"m{day}") for day in (2, 3)]
    factories.archive(folder, *march, mail.dated(datetime(2025, 11, 5, tzinfo=UTC), "n5"))
    response = client.get(folder.url)
    assert [(each.key, each.messages) for each in response.context["months"]] == [
        ("2026-03", 2),
        ("2025-11", 1),
    ]
    assert response.context["total"] == 3
    shown = response.content.decode()
    assert f'href="{folder.url}?month=2026-03"' in shown
    assert subjects(client.get(folder.url, {"month": "2026-03"})) == ["m3", "m2"]
    assert subjects(client.get(folder.url, {"month": "2025-11"})) == ["n5"]
    empty = client.get(folder.url, {"month": "2024-01"})
    assert "No message is like that." in empty.content.decode()


def test_a_month_is_paged_within_itself(client: Client) -> None:
    folder = factories.folder()
    january = mail.series(PAGE_SIZE + 3, BEGIN, timedelta(minutes=1))
    factories.archive(folder, mail.dated(BEGIN - timedelta(days=40), "before"), *january)
    pages = walk(client, f"{folder.url}?month=2026-01", "older_address")
    assert [len(page) for page in pages] == [PAGE_SIZE, 3]
    assert "before" not in pages[1]


def test_search_finds_in_this_folder_newest_first(client: Client) -> None:
    folder, other = factories.folder(), factories.folder()
    raws = [mail.dated(BEGIN + timedelta(days=n), f"n{n}", "the needle here\n") for n in range(3)]
    factories.archive(folder, *raws, mail.dated(BEGIN, "hay", "hay\n"))
    factories.archive(other, mail.dated(BEGIN, "elsewhere", "needle\n"))
    assert subjects(client.get(folder.url, {"q": "needle"})) == ["n2", "n1", "n0"]
    assert subjects(client.get(folder.url, {"q": "needle lovelace"})) == ["n2", "n1", "n0"]


def test_search_is_paged_by_key(client: Client) -> None:
    folder = factories.folder()
    factories.archive(folder, *mail.series(HITS + 4, BEGIN))
    pages = walk(client, f"{folder.url}?q=number", "further_address")
    assert [len(page) for page in pages] == [HITS, 4]
    assert pages[1][-1] == "Number 0"


def test_finding_nothing_is_said_in_words(client: Client) -> None:
    folder = factories.folder()
    factories.archive(folder, factories.raw())
    shown = client.get(folder.url, {"q": '<b>"zeppelin'}).content.decode()
    assert "No message holds “&lt;b&gt;&quot;zeppelin”." in shown


def test_the_folder_page_is_for_reading_only(client: Client) -> None:
    folder = factories.folder()
    response = client.post(folder.url)
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD")
    assert client.head(folder.url).status_code == 200


@pytest.mark.parametrize("words", ['"', "'; --", "\x00", "AND OR NOT", "*", "x" * 5000, "🙂", "%"])
def test_any_words_can_be_searched(client: Client, words: str) -> None:
    folder = factories.folder()
    factories.archive(folder, factories.raw())
    assert client.get(folder.url, {"q": words}).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {"month": "2026-13"},
        {"month": "0001-01"},
        {"month": "²⁰26-01"},
        {"month": ""},
        {"month": "2026-01", "year": "2026"},
        {"year": "26"},
        {"view": "tree"},
        {"view": "sender", "year": "2026"},
        {"view": "sender", "before": "x"},
        {"view": "date", "before": "1", "after": "1"},
        {"before": "1_1", "after": "1_1"},
        {"from": "a@b", "has": "attachment"},
        {"from": "a\0b"},
        {"from": "x" * 400},
        {"list": ""},
        {"has": "picture"},
        {"account": "1"},
        {"account": "9" * 18},
        {"before": "x"},
        {"before": "999999999999999999_1"},
        {"after": "1"},
        {"before": "-99999999999999999_1"},
        {"q": "subject", "before": "1_1"},
        {"q": "subject", "before": "9" * 30},
    ],
)
def test_an_address_that_is_none_of_ours_is_not_found(
    client: Client, query: dict[str, str]
) -> None:
    folder = factories.folder()
    factories.archive(folder, factories.raw())
    assert client.get(folder.url, query).status_code == 404


def test_restricted_messages_are_in_no_list_count_or_hit(client: Client) -> None:
    folder = factories.folder()
    pages = factories.archive(
        folder,
        mail.dated(BEGIN, "open one", "needle\n"),
        mail.dated(BEGIN + timedelta(days=1), "secret", "needle\n"),
        mail.dated(BEGIN + timedelta(days=60), "secret month", "needle\n"),
    )
    restrict(pages[1])
    restrict(pages[2])
    response = client.get(folder.url)
    assert subjects(response) == ["open one"]
    assert response.context["total"] == 1
    assert [(each.key, each.messages) for each in response.context["months"]] == [("2026-01", 1)]
    assert "secret" not in response.content.decode()
    assert subjects(client.get(folder.url, {"q": "needle"})) == ["open one"]
    assert subjects(client.get(folder.url, {"q": "secret"})) == []
    assert subjects(client.get(folder.url, {"month": "2026-03"})) == []

    client.force_login(factories.user())
    response = client.get(folder.url)
    assert subjects(response) == ["secret month", "secret", "open one"]
    assert response.context["total"] == 3
    assert subjects(client.get(folder.url, {"q": "secret"})) == ["secret month", "secret"]


def test_unpublished_messages_are_in_no_list_count_or_hit(client: Client) -> None:
    folder = factories.folder()
    _, gone = factories.archive(folder, mail.dated(BEGIN, "here"), mail.dated(BEGIN, "gone"))
    gone.live = False
    gone.save()
    response = client.get(folder.url)
    assert subjects(response) == ["here"]
    assert response.context["total"] == 1
    assert subjects(client.get(folder.url, {"q": "gone"})) == []
    assert client.get(gone.url).status_code == 404


def test_hidden_hits_leave_no_gap_and_no_link(client: Client) -> None:
    folder = factories.folder()
    pages = factories.archive(folder, *mail.series(2 * PAGE_SIZE + 20, BEGIN))
    for page in pages[10:]:
        restrict(page)
    response = client.get(folder.url, {"q": "number"})
    assert subjects(response) == [f"Number {number}" for number in reversed(range(10))]
    assert response.context["further_address"] == ""
    assert response.context["counts"].total == "10"


def queries_of(client: Client, address: str) -> int:
    client.get(address)  # content types and site roots are cached
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


@pytest.mark.parametrize(
    ("query", "signed_in", "expected"),
    [
        # One of them asks whether the archive is switched off for some site.
        ("", False, 16),
        ("", True, 21),
        ("?view=date", False, 15),
        ("?view=sender", False, 16),
        ("?month=2026-01", False, 16),
    ],
)
def test_the_number_of_queries_is_constant(
    client: Client, query: str, signed_in: bool, expected: int
) -> None:
    if signed_in:
        client.force_login(factories.user())
    folder = factories.folder()
    factories.account(folder)
    pages = factories.archive(folder, *mail.series(50, BEGIN, timedelta(hours=30)))
    restrict(pages[0], PageViewRestriction.PASSWORD)
    at_50 = queries_of(client, folder.url + query)
    more = factories.archive(folder, *mail.series(450, BEGIN, timedelta(hours=29)))
    for page in more[:5]:
        restrict(page, PageViewRestriction.GROUPS)
    assert (at_50, queries_of(client, folder.url + query)) == (expected, expected)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("?before=1000000_1", "mailarchive_latest_threads"),
        ("?view=date&before=9", "mailarchive_text_newest"),
        ("?view=date&from=a&before=9", "mailarchive_text_of_sender"),
        ("?view=date&list=a&before=9", "mailarchive_text_of_list"),
        ("?view=date&has=attachment&before=9", "mailarchive_text_attached"),
        ("?view=date&month=2026-01", "mailarchive_text_newest"),
        ("?month=2026-01", "mailarchive_text_newest"),
        ("?view=sender&before=9", "mailarchive_facet_newest"),
    ],
)
def test_a_page_is_read_along_an_index(client: Client, query: str, index: str) -> None:
    """A page deep in the folder must not be sorted out of all of it."""
    folder = factories.folder()
    factories.archive(folder, *mail.series(3, BEGIN))
    with CaptureQueriesContext(connection) as captured:
        client.get(folder.url + query)
    # A narrowed list of threads is walked in portions of four pages.
    limits = (f" LIMIT {PAGE_SIZE + 1}", f" LIMIT {4 * PAGE_SIZE + 1}")
    [asked] = [sql for each in captured if (sql := each["sql"]).endswith(limits)]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN QUERY PLAN " + asked)
            plan = "\n".join(str(row) for row in cursor.fetchall())
        assert index in plan
        assert "TEMP B-TREE" not in plan


def test_the_sites_own_base_template_is_used(client: Client, settings: Any, tmp_path: Any) -> None:
    (tmp_path / "site_base.html").write_text(
        "<title>{% block title %}{% endblock %}</title>{% block extra_css %}{% endblock %}"
        "<p>Our intranet</p>{% block content %}{% endblock %}"
    )
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    settings.WAGTAIL_MAILARCHIVE = {
        **settings.WAGTAIL_MAILARCHIVE,
        "BASE_TEMPLATE": "site_base.html",
    }
    folder = factories.folder()
    (message,) = factories.archive(folder, factories.raw("Whole subject"))
    for address in (folder.url, message.url):
        shown = client.get(address).content.decode()
        assert "Our intranet" in shown
        assert "Whole subject" in shown
        assert "reading.css" in shown
        assert "<html" not in shown


def test_a_site_overrides_one_block(client: Client, settings: Any, tmp_path: Any) -> None:
    own = tmp_path / "wagtail_mailarchive" / "email_folder_page.html"
    own.parent.mkdir()
    own.write_text(
        '{% extends "wagtail_mailarchive/email_folder_page.html" %}'
        "{% block mailarchive_search %}{{ block.super }}<p>Our hint</p>{% endblock %}"
    )
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    folder = factories.folder()
    factories.archive(folder, factories.raw("Whole subject"))
    shown = client.get(folder.url).content.decode()
    assert "Our hint" in shown
    assert "Search this folder" in shown
    assert "Whole subject" in shown


def test_no_script_and_no_style_stand_in_the_page(client: Client) -> None:
    folder = factories.folder()
    (message,) = factories.archive(folder, mail.html())
    for address in (folder.url, message.url):
        shown = client.get(address).content.decode()
        assert not re.search("<script(?![^>]* src=)", shown)
        assert "<style" not in shown
        assert " style=" not in shown
        assert not re.search(r"<[^>]* on[a-z]+=", shown)


def test_the_page_depends_on_its_reader_for_caches(client: Client) -> None:
    folder = factories.folder()
    assert "private" in client.get(folder.url)["Cache-Control"]


def test_search_engines_are_led_to_all_mail_and_to_each_but_once(client: Client) -> None:
    folder = factories.folder()
    [page] = factories.archive(folder, factories.raw("needle"))
    page.refresh_from_db()
    thread = f"{folder.url}thread/{page.thread_id}/"
    further = f"{thread}?before={int(BEGIN.timestamp())}000000_1"
    for address in (folder.url, thread, further, page.url):
        assert "X-Robots-Tag" not in client.get(address), address
    for address in (
        *(f"{folder.url}?view=date", f"{folder.url}?q=needle", f"{folder.url}?has=attachment"),
        *(f"{thread}?print", f"{thread}?closed", "/mail/search/?q=needle"),
    ):
        assert client.get(address)["X-Robots-Tag"] == "noindex", address
