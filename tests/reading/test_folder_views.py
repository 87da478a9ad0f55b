"""The folder's views: threads, senders, facets and timeline, and that they give nothing away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from wagtail.models import PageViewRestriction

from tests import factories
from tests.archive.test_facets import came_by
from tests.reading import mail
from wagtail_mailarchive.archive.tagging import add_tags
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage
from wagtail_mailarchive.reading.listing import PAGE_SIZE, Month
from wagtail_mailarchive.reading.narrowing import Narrowing
from wagtail_mailarchive.reading.thread_row import ThreadRow
from wagtail_mailarchive.reading.timeline import timeline

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 1, 10, 12, tzinfo=UTC)
ADA, BO, CHEN = (f"{name} <{name.lower()}@example.org>" for name in ("Ada", "Bo", "Chen"))


def sent(days: float, subject: str, sender: str = ADA, *, answers: str = "", **more: str) -> bytes:
    """A message of so many days after `BEGIN`, known by its subject."""
    headers = {
        "From": sender,
        "Date": format_datetime(BEGIN + timedelta(days=days)),
        "Message_ID": f"<{subject.replace(' ', '-')}@example.org>",
    }
    if answers:
        headers["In_Reply_To"] = f"<{answers.replace(' ', '-')}@example.org>"
    return factories.raw(subject, f"The text of {subject}\n", **(headers | more))


def restrict(*messages: EmailMessagePage) -> None:
    for message in messages:
        PageViewRestriction.objects.create(
            page=message.page_ptr, restriction_type=PageViewRestriction.LOGIN
        )


def shown(client: Client, folder: EmailFolderPage, **query: str) -> Any:
    response = client.get(folder.url, query)
    assert response.status_code == 200
    return response.context


def threads(client: Client, folder: EmailFolderPage, **query: str) -> list[ThreadRow]:
    rows: list[ThreadRow] = shown(client, folder, **query)["rows"]
    return rows


def facet(client: Client, folder: EmailFolderPage, name: str, **query: str) -> list[Any]:
    found = {each.name: each for each in shown(client, folder, **query)["facets"]}
    return [(each.label, each.messages) for each in found[name].choices] if name in found else []


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


@pytest.fixture
def talk(folder: EmailFolderPage) -> list[EmailMessagePage]:
    """Two threads: one of three messages by three people, and one in between."""
    return factories.archive(
        folder,
        sent(0, "plan"),
        sent(1, "re plan", BO, answers="plan"),
        sent(2, "other"),
        sent(3, "re re plan", CHEN, answers="re plan"),
    )


# -- threads -------------------------------------------------------------------------------------


def test_threads_stand_by_their_latest_activity(
    client: Client, folder: EmailFolderPage, talk: list[EmailMessagePage]
) -> None:
    first, second = threads(client, folder)
    assert (first.subject, first.people, first.messages) == ("plan", ["Ada", "Bo", "Chen"], 3)
    assert (first.snippet, first.last_at) == ("The text of re re plan", BEGIN + timedelta(days=3))
    assert (second.subject, second.messages) == ("other", 1)
    assert client.get(first.address).status_code == 200


def test_a_reader_sees_of_a_thread_what_they_may_see(
    client: Client, folder: EmailFolderPage, talk: list[EmailMessagePage]
) -> None:
    restrict(talk[0], talk[3])
    second, first = threads(client, folder)
    # Without its latest message the thread stands behind the other one.
    assert (first.subject, first.people, first.messages) == ("re plan", ["Bo"], 1)
    assert (first.snippet, first.last_at) == ("The text of re plan", BEGIN + timedelta(days=1))
    assert second.subject == "other"
    restrict(talk[1])
    page = client.get(folder.url)
    assert [row.subject for row in page.context["rows"]] == ["other"]
    for hidden in ("plan", "Bo", "Chen"):
        assert hidden not in page.content.decode()
    client.force_login(factories.user())
    assert [row.messages for row in threads(client, folder)] == [3, 1]


def test_pages_of_threads_are_whole_although_some_stand_elsewhere_for_this_reader(
    client: Client, folder: EmailFolderPage
) -> None:
    count = PAGE_SIZE + 20
    raws = [sent(n, f"thread {n}") for n in range(count)]
    # The latest message of each tenth thread came after all others.
    later = [sent(500 + n, f"late {n}", answers=f"thread {n}") for n in range(0, count, 10)]
    pages = factories.archive(folder, *raws, *later)
    restrict(*pages[count:])
    found: list[str] = []
    address = folder.url
    while address:
        context = client.get(address).context
        found += [row.subject for row in context["rows"]]
        address = context["older_address"]
    assert found == [f"thread {n}" for n in reversed(range(count))]
    last = client.get(client.get(folder.url).context["older_address"]).context
    back = client.get(last["newer_address"]).context
    assert [row.subject for row in back["rows"]] == found[:PAGE_SIZE]


def test_a_narrowed_list_shows_threads_by_what_is_wanted_of_them(
    client: Client, folder: EmailFolderPage, talk: list[EmailMessagePage]
) -> None:
    factories.archive(folder, sent(60, "much later", answers="re re plan"))
    [first, second] = threads(client, folder, month="2026-01")
    assert (first.subject, first.snippet, first.messages) == ("plan", "The text of re re plan", 4)
    assert second.subject == "other"
    [one] = threads(client, folder, **{"from": "bo@example.org"})
    assert (one.subject, one.last_at) == ("plan", BEGIN + timedelta(days=1))
    restrict(talk[3])
    assert [row.subject for row in threads(client, folder, month="2026-01")] == ["other", "plan"]


# -- senders and facets ---------------------------------------------------------------------------


def test_senders_stand_by_their_latest_message(
    client: Client, folder: EmailFolderPage, talk: list[EmailMessagePage]
) -> None:
    rows = shown(client, folder, view="sender")["rows"]
    assert [(row.name, row.messages, row.latest.subject) for row, *_ in rows] == [
        ("Chen", 1, "re re plan"),
        ("Ada", 2, "other"),
        ("Bo", 1, "re plan"),
    ]
    ada = client.get(rows[1][1]).context
    assert [message.subject for message, *_ in ada["rows"]] == ["other", "plan"]
    assert [each.label for each in ada["active"]] == ["From ada@example.org"]


def test_hidden_messages_are_counted_for_no_sender_list_attachment_account_or_month(
    client: Client, folder: EmailFolderPage
) -> None:
    sales, press = factories.account(folder, name="Sales"), factories.account(folder, name="Press")
    listed = {"List_Id": "News <news.example.org>"}
    came_by(sales, "INBOX", sent(0, "a", **listed), sent(1, "b"))
    came_by(press, "INBOX", sent(2, "c", BO, **listed), sent(40, "d", BO))
    came_by(press, "Other", mail.attached("a.pdf", b"%PDF"))
    attached = EmailMessagePage.objects.get(attachment_count=1)
    by_subject = {each.subject: each for each in EmailMessagePage.objects.all()}
    assert facet(client, folder, "sender") == [("Ada", 3), ("Bo", 2)]
    assert facet(client, folder, "list") == [("news.example.org", 2)]
    assert facet(client, folder, "account") == [("Press", 3), ("Sales", 2)]
    assert facet(client, folder, "attachment") == [("With attachment", 1)]
    assert facet(client, folder, "year") == [("2026", 5)]

    restrict(by_subject["c"], by_subject["d"], attached)
    by_subject["a"].live = False
    by_subject["a"].save()
    assert facet(client, folder, "sender") == [("Ada", 1)]
    for gone in ("list", "account", "attachment"):
        assert facet(client, folder, gone) == []
    assert facet(client, folder, "year") == [("2026", 1)]
    rows = shown(client, folder, view="sender")["rows"]
    assert [(row.value, row.latest.subject) for row, *_ in rows] == [("ada@example.org", "b")]
    assert client.get(folder.url, {"account": press.pk}).status_code == 404
    for query in ({"list": "news.example.org"}, {"has": "attachment"}, {"from": "bo@example.org"}):
        assert threads(client, folder, **query) == []


def test_each_facet_leads_to_its_messages(client: Client, folder: EmailFolderPage) -> None:
    sales, press = factories.account(folder, name="Sales"), factories.account(folder, name="Press")
    both = sent(2, "both", BO, List_Id="<news.example.org>")
    came_by(sales, "INBOX", sent(0, "a"), both)
    came_by(press, "INBOX", both, mail.attached("a.pdf", b"%PDF"), sent(-400, "earlier", BO))

    def led(name: str, label: str, **query: str) -> list[str]:
        found = {each.name: each for each in shown(client, folder, **query)["facets"]}
        [choice] = [each for each in found[name].choices if each.label == label]
        context = client.get(choice.address).context
        return [row.subject for row in context["rows"]]

    assert led("sender", "Bo") == ["both", "earlier"]
    assert led("sender", "Bo", year="2026") == ["both"]
    assert led("list", "news.example.org", has="attachment") == ["both"]
    assert led("account", "Sales") == ["both", "a"]
    assert led("account", "Press", month="2026-03") == ["With attachment"]
    assert led("attachment", "With attachment") == ["With attachment"]
    assert led("year", "2024", **{"from": "bo@example.org"}) == ["earlier"]


def test_search_begins_with_what_is_chosen(client: Client, folder: EmailFolderPage) -> None:
    factories.archive(folder, sent(0, "one"), sent(40, "two"), sent(41, "three", BO))
    query = shown(client, folder, month="2026-01", **{"from": "ada@example.org"})["query"]
    found = client.get(folder.url, {"q": query}).context["hits"]
    assert [hit.message.subject for hit in found] == ["one"]


def test_what_is_chosen_can_be_narrowed_down_further_by_search(
    client: Client, folder: EmailFolderPage
) -> None:
    def found(address: str) -> set[str]:
        return {hit.message.subject for hit in client.get(address).context["hits"]}

    sales, press = factories.account(folder, name="Sales"), factories.account(folder, name="Press")
    came_by(sales, "INBOX", sent(0, "one"), sent(1, "offer", BO), sent(-400, "earlier", BO))
    came_by(press, "INBOX", sent(2, "other"))
    response = client.get(folder.url, {"year": "2026", "from": "bo@example.org"})
    html = response.content.decode()
    assert "takes the place of “<bdi>From bo@example.org</bdi>”" in html
    address = response.context["search_address"]
    assert f'<a href="{escape(address)}">Narrow down further by search</a>' in html
    assert found(address) == {"offer"}
    add_tags(EmailMessagePage.objects.all(), ["done"], None)
    facets = shown(client, folder, **{"from": "bo@example.org"})["facets"]
    [tag] = next(each.choices for each in facets if each.name == "tag")
    assert found(tag.address) == {"earlier", "offer"}
    # Search knows neither accounts nor that a sender is missing, and a time can be added here.
    for query in ({"account": str(sales.pk)}, {"from": ""}, {"year": "2026"}, {}):
        assert shown(client, folder, **query)["search_address"] == ""


def test_what_search_begins_with_keeps_names_whole(client: Client, folder: EmailFolderPage) -> None:
    assert shown(client, folder, list="news (weekly)")["query"] == 'list:"news (weekly)" '
    assert shown(client, folder, **{"from": "a b@c.org"})["query"] == 'from:"a b@c.org" '


# -- timeline ------------------------------------------------------------------------------------


def test_the_timeline_says_in_bars_and_in_a_table_how_much_there_is_each_month(
    client: Client, folder: EmailFolderPage, talk: list[EmailMessagePage]
) -> None:
    factories.archive(folder, sent(60, "march"), sent(61, "march too"))
    context = shown(client, folder, view="date", **{"from": "ada@example.org"})
    bars, lines = context["timeline"].bars, context["timeline"].lines
    assert [bar.title for bar in bars] == ["January 2026: 4 messages", "March 2026: 2 messages"]
    assert [bar.height for bar in bars] == [56, 28]
    # February has its place, and nothing stands there.
    assert [bar.slot_x for bar in bars] == ["0.000%", "66.667%"]
    assert [(line.title, line.messages) for line in lines] == [
        ("March 2026", "2"),
        ("January 2026", "4"),
    ]
    march = client.get(bars[1].address).context
    assert [message.subject for message, *_ in march["rows"]] == ["march too", "march"]
    assert [bar.is_chosen for bar in march["timeline"].bars] == [False, True]


def test_of_a_long_time_bars_show_ten_years_with_what_is_chosen_among_them(
    client: Client, folder: EmailFolderPage
) -> None:
    years = range(1990, 2027)
    factories.archive(
        folder, *(mail.dated(datetime(year, 6, 5, tzinfo=UTC), f"in {year}") for year in years)
    )
    newest = shown(client, folder)["timeline"]
    assert (newest.bars[0].title, newest.bars[-1].title) == (
        "June 2017: 1 message",
        "June 2026: 1 message",
    )
    assert newest.is_cut
    assert len(newest.lines) == len(years)
    chosen = shown(client, folder, year="1991")["timeline"]
    assert [bar.title for bar in chosen.bars if bar.is_chosen] == ["June 1991: 1 message"]
    assert len(chosen.bars) <= 10


@pytest.mark.parametrize(
    ("months", "years"),
    [
        ([(2025, 10), (2026, 11)], ["2025", "2026"]),
        # December alone leaves no room for its year.
        ([(2024, 12), (2026, 6)], ["2025", "2026"]),
        ([(2026, 3), (2026, 4)], ["2026"]),
        ([(1990, 1), (2026, 6)], ["2017", "2019", "2021", "2023", "2025"]),
    ],
)
def test_years_stand_below_the_bars_as_far_as_there_is_room(
    months: list[tuple[int, int]], years: list[str]
) -> None:
    found = timeline([Month(year, month, 1) for year, month in reversed(months)], "", str)
    assert found is not None
    assert [label.text for label in found.labels] == years


def test_a_timeline_that_was_drawn_before_speaks_the_language_of_today() -> None:
    months = [Month(2026, 10, 1), Month(2026, 5, 3)]
    drawn = {}
    for language in ("en", "de", "en"):
        with translation.override(language):
            drawn[language] = timeline(months, "", str)
    assert [each.lines[0].title for each in drawn.values() if each] == [
        "October 2026",
        "Oktober 2026",
    ]


def test_the_timeline_runs_with_the_script(client: Client, folder: EmailFolderPage) -> None:
    factories.archive(folder, sent(0, "one"), sent(40, "two"))
    response = client.get(folder.url, headers={"Accept-Language": "ar"})
    assert [bar.slot_x for bar in response.context["timeline"].bars] == ["50.000%", "0.000%"]


# -- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "narrowing",
    [
        Narrowing(),
        Narrowing(2026),
        Narrowing(2026, 3, sender=""),
        Narrowing(sender="ö&?=+ @example.org"),
        Narrowing(list_id="a b&c"),
        Narrowing(has_attachment=True),
        Narrowing(account=7),
    ],
)
def test_what_is_chosen_is_all_in_the_address(narrowing: Narrowing, rf: Any) -> None:
    request = rf.get("/", {**narrowing.period, **narrowing.facet})
    assert Narrowing.of(request) == narrowing
