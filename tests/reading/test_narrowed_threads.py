"""The folder's threads narrowed down: the same pages both ways, and no page dear to make."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from wagtail.models import Page

from tests import factories
from tests.archive.test_facets import came_by
from tests.plans import counted_steps
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage
from wagtail_mailarchive.reading import narrowed_threads, thread_list

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def sent(number: int, thread: int, *, first: bool, **more: str) -> bytes:
    """A message of so many hours after `BEGIN`; the first of a thread is what others answer."""
    headers = {"Date": format_datetime(BEGIN + timedelta(hours=number))} | more
    headers["Message_ID"] = f"<{thread if first else f'{thread}.{number}'}@example.org>"
    if not first:
        headers["In_Reply_To"] = f"<{thread}@example.org>"
    return factories.raw(f"Thread {thread}", **headers)


def mixed(count: int, threads: int) -> list[bytes]:
    """Messages of several threads without order; of each thread some are on a list, some Ada's."""
    chance = random.Random(5)
    seen: set[int] = set()
    found = []
    for number in range(count):
        thread = chance.randrange(threads)
        headers = {"From": chance.choice(["Ada <ada@example.org>", "Bo <bo@example.org>"])}
        if chance.random() < 0.5:
            headers["List_Id"] = "News <news.example.org>"
        found.append(sent(number, thread, first=thread not in seen, **headers))
        seen.add(thread)
    return found


def turned(client: Client, folder: EmailFolderPage, query: dict[str, str]) -> list[list[int]]:
    """Return the keys of threads of all pages, reached by the links to older ones."""
    context: Any = client.get(folder.url, query).context
    pages = [[row.pk for row in context["rows"]]]
    while context["older_address"]:
        before = context
        context = client.get(context["older_address"]).context
        pages.append([row.pk for row in context["rows"]])
        back = client.get(context["newer_address"]).context
        assert [row.pk for row in back["rows"]] == [row.pk for row in before["rows"]]
    return pages


@pytest.mark.parametrize("long", [3, 7, 500])
@pytest.mark.parametrize("name", ["from", "list", "account", "month"])
def test_pages_of_narrowed_threads_hold_each_once_by_its_newest_wanted_message(
    name: str, long: int, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_list, "PAGE_SIZE", 3)
    monkeypatch.setattr(narrowed_threads, "_LONG", long)
    monkeypatch.setattr(narrowed_threads, "_MOST_TOGETHER", 13)
    folder = factories.folder()
    raws = mixed(90, 14)
    one, other = factories.account(folder), factories.account(folder)
    came_by(one, "INBOX", *raws[::2])
    came_by(other, "INBOX", *raws[1::2])
    messages = EmailMessagePage.objects.filter(folder=folder)
    wanted, query = {
        "from": (messages.filter(sender_address="ada@example.org"), "ada@example.org"),
        "list": (messages.filter(list_id="news.example.org"), "news.example.org"),
        "account": (messages.filter(entries__mailbox__account=one), str(one.pk)),
        "month": (messages, "2026-03"),
    }[name]
    newest_first = wanted.order_by("-sorted_at").values_list("thread_id", flat=True)
    pages = turned(client, folder, {name: query})
    assert [key for page in pages for key in page] == list(dict.fromkeys(newest_first))
    assert [len(page) for page in pages[:-1]] == [3] * (len(pages) - 1)


def test_threads_of_one_second_stand_on_one_page_each(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_list, "PAGE_SIZE", 1)
    folder = factories.folder()
    date = {"Date": format_datetime(BEGIN)}
    factories.archive(folder, *(sent(n, n % 3, first=n < 3, **date) for n in range(9)))
    pages = turned(client, folder, {"month": "2026-03"})
    assert [len(page) for page in pages] == [1, 1, 1]
    assert len({key for page in pages for key in page}) == 3


@pytest.mark.skipif(connection.vendor != "sqlite", reason="counts SQLite's instructions")
def test_a_page_in_the_midst_of_a_long_thread_costs_no_square_of_its_length(client: Client) -> None:
    taken = []
    for size in (100, 400):
        folder = factories.folder()
        long = [sent(number, 0, first=number == 0) for number in range(size)]
        later = [sent(size + number, number + 1, first=True) for number in range(size)]
        pages = factories.archive(folder, *long, *later)
        text = pages[size - 1].text_entry.pk
        query = {"from": "ada@example.org", "before": str(text)}
        with counted_steps() as steps:
            assert client.get(folder.url, query).status_code == 200
        taken.append(steps.taken)
    assert taken[1] < 4 * taken[0] + 400, taken


@pytest.mark.parametrize(
    "query", ["?month=2026-03", "?list=news.example.org", "?from=ada@example.org"]
)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's plans")
def test_threads_are_met_without_reading_texts_or_pages(client: Client, query: str) -> None:
    folder = factories.folder()
    factories.archive(folder, *mixed(30, 5))
    with CaptureQueriesContext(connection) as captured:
        client.get(folder.url + query)
    [walk] = [each["sql"] for each in captured if each["sql"].endswith(" LIMIT 201")]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + walk)
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert "messagetext USING COVERING INDEX" in plan
    assert "wagtailcore_page " not in plan


def test_what_is_before_a_period_ended_is_not_looked_for_behind_it(client: Client) -> None:
    folder = factories.folder()
    factories.archive(folder, *mixed(60, 9))
    place = EmailMessagePage.objects.filter(folder=folder).latest("sorted_at").text_entry.pk
    with CaptureQueriesContext(connection) as first:
        expected = client.get(folder.url, {"month": "2026-03"}).context["rows"]
    with CaptureQueriesContext(connection) as later:
        rows = client.get(folder.url, {"month": "2026-03", "before": place + 10**15}).context[
            "rows"
        ]
    assert [row.pk for row in rows] == [row.pk for row in expected]
    assert len(later) == len(first)


def test_a_message_that_somebody_unpublished_in_the_database_has_no_row(client: Client) -> None:
    folder = factories.folder()
    kept, gone = factories.archive(folder, sent(0, 0, first=True), sent(1, 1, first=True))
    Page.objects.filter(pk=gone.pk).update(live=False)  # no signal tells us
    rows = client.get(folder.url, {"month": "2026-03"}).context["rows"]
    assert [row.pk for row in rows] == [kept.thread_id]
