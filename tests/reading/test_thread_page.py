"""The page of a thread: order, portions, folds, parents, what is new, and who may see what."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from wagtail.models import Page, PageViewRestriction

from tests import factories
from tests.reading import mail
from wagtail_mailarchive.archive import thread_decisions, thread_moves, trash
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, ReadMark, Thread
from wagtail_mailarchive.reading import read_marks, thread_page

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)


def answer(number: int, body: str = "Body\n", to: int | None = None, **headers: str) -> bytes:
    """Message `number` of one conversation; it answers the one before, if not another."""
    to = number - 1 if to is None else to
    given = {
        "From": f"Writer {number % 3} <writer{number % 3}@example.org>",
        "Date": format_datetime(BEGIN + timedelta(minutes=number)),
        "Message-ID": f"<n{number}@example.org>",
        "In-Reply-To": f"<n{to}@example.org>" if to >= 0 else "",
    }
    given |= headers
    subject = given.pop("Subject", "Plan" if number == 0 else "Re: Plan")
    return factories.raw(subject, body, **given)


def conversation(folder: EmailFolderPage, count: int, **values: Any) -> list[EmailMessagePage]:
    return factories.archive(folder, *(answer(number, **values) for number in range(count)))


def address_of(page: EmailMessagePage) -> str:
    page.refresh_from_db()
    return f"{page.folder.url}thread/{page.thread_id}/"


def numbers(response: Any, pages: Sequence[EmailMessagePage]) -> list[int]:
    """Which of `pages` a response shows, by their places among them."""
    assert response.status_code == 200
    keys = [page.pk for page in pages]
    return [keys.index(post.message.pk) for post in response.context["posts"]]


def signed_in(user: Any = None) -> Client:
    client = Client()
    client.force_login(user or factories.user())
    return client


def hide(page: EmailMessagePage) -> None:
    PageViewRestriction.objects.create(page=page.page_ptr, restriction_type="groups")


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


# -- what is shown ---------------------------------------------------------------------------


def test_messages_stand_in_order_with_what_they_answer(folder: EmailFolderPage) -> None:
    pages = factories.archive(
        folder, answer(2, "Third\n", to=0), answer(0, "First\n"), answer(1, "Second\n")
    )
    response = Client().get(address_of(pages[0]))
    assert numbers(response, pages) == [1, 2, 0]
    posts = response.context["posts"]
    assert [post.parent and post.parent.address for post in posts] == [
        None, *[f"#m{pages[1].pk}"] * 2
    ]  # fmt: skip
    text = response.content.decode()
    assert text.index("First") < text.index("Second") < text.index("Third")
    assert "3 messages" in text
    assert [person.name for person in response.context["people"]] == [
        "Writer 0", "Writer 1", "Writer 2"
    ]  # fmt: skip


def test_quotations_are_folded_and_a_changed_subject_is_said(folder: EmailFolderPage) -> None:
    quoted = "".join(f"> line {n}\n" for n in range(9))
    pages = factories.archive(
        folder, answer(0), answer(1, f"Yes.\n\n{quoted}"), answer(2, Subject="Another matter")
    )
    response = Client().get(address_of(pages[0]))
    text = response.content.decode()
    assert '<details class="mailarchive-fold"><summary>Quoted text (9 lines)' in text
    assert [post.subject for post in response.context["posts"]] == ["", "", "Another matter"]
    on_paper = Client().get(address_of(pages[0]) + "?print").content.decode()
    assert '<details class="mailarchive-fold" open>' in on_paper


def test_long_texts_are_cut_and_said_to_be(folder: EmailFolderPage) -> None:
    body = "A line of text that goes on and on\n" * 300
    (page,) = factories.archive(folder, answer(0, body))
    post = Client().get(address_of(page)).context["posts"][0]
    assert post.is_cut
    assert post.text.endswith("goes on and on\n")
    assert len(post.text) <= thread_page.MAX_TEXT
    printed = Client().get(address_of(page) + "?print").context["posts"][0]
    assert not printed.is_cut


def test_attachments_are_listed_but_not_images_in_the_text(folder: EmailFolderPage) -> None:
    (page,) = factories.archive(folder, mail.html())
    response = Client().get(address_of(page))
    (post,) = response.context["posts"]
    assert [each.name for each in post.attachments] == ["tabelle – März.csv"]
    assert f"{page.url}?view=html" in response.content.decode()
    assert response.context["zip_address"]


def test_only_names_and_times_are_shown_of_folded_messages(folder: EmailFolderPage) -> None:
    pages = conversation(folder, 2)
    assert (
        b'<details class="mailarchive-post__fold" open>'
        in Client().get(address_of(pages[0])).content
    )
    closed = Client().get(address_of(pages[0]) + "?closed")
    assert b'<details class="mailarchive-post__fold" open>' not in closed.content


# -- portions --------------------------------------------------------------------------------


def test_a_long_thread_opens_page_by_page_in_both_directions(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_page, "PAGE_SIZE", 3)
    pages = conversation(folder, 8)
    # Two at the same moment.
    pages += factories.archive(
        folder, answer(8, Date=format_datetime(pages[7].sorted_at), Message_ID="<n8@example.org>")
    )
    client, address = Client(), address_of(pages[0])
    shown, forth = [], address
    while forth:
        response = client.get(forth)
        shown.append(numbers(response, pages))
        forth = response.context["later_address"]
    assert shown == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    last = client.get(address + "?last")
    assert numbers(last, pages) == [6, 7, 8]
    back = client.get(last.context["earlier_address"])
    assert numbers(back, pages) == [3, 4, 5]
    # The parent of the first message is on the page before.
    parent = back.context["posts"][0].parent
    assert numbers(client.get(parent.address.partition("#")[0]), pages) == [2, 3, 4]
    assert parent.address.endswith(f"#m{pages[2].pk}")


@pytest.mark.parametrize(
    "query", ["?after=x", "?before=1", "?from=1_", "?after=1_1&before=1_1", "?last&after=1_1"]
)
def test_addresses_that_are_not_ours_are_not_found(folder: EmailFolderPage, query: str) -> None:
    (page,) = conversation(folder, 1)
    assert Client().get(address_of(page) + query).status_code == 404


def test_a_thread_of_another_folder_or_of_none_is_not_found(folder: EmailFolderPage) -> None:
    (page,) = conversation(factories.folder(), 1)
    page.refresh_from_db()
    for key in (page.thread_id, 10**9, 10**30):
        for route in ("", "mbox/", "zip/"):
            assert Client().get(f"{folder.url}thread/{key}/{route}").status_code == 404
    assert Client().post(address_of(page)).status_code == 405


def test_queries_and_weight_of_fifty_messages(folder: EmailFolderPage) -> None:
    body = "\n".join(f"{n} words that somebody wrote about {n * 7919 % 10007}" for n in range(60))
    (one,) = conversation(factories.folder(), 1, body=body)
    pages = conversation(folder, 60, body=body)
    client = signed_in()
    counts = []
    for page in (one, pages[0]):
        client.get(address_of(page))
        ReadMark.objects.update(visited_at=timezone.now() - 2 * read_marks.PAUSE)
        with CaptureQueriesContext(connection) as queries:
            response = client.get(address_of(page))
        counts.append(len(queries))
    assert len(response.context["posts"]) == 50
    # One more that looks for parents.
    assert counts[1] <= counts[0] + 1
    assert counts[1] <= 30
    assert len(gzip.compress(response.content, 6)) < 130_000


def test_each_part_on_paper_says_which_it_is(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_page, "PRINT_SIZE", 2)
    pages = conversation(folder, 5)
    address, told = address_of(pages[0]) + "?print", []
    while address:
        response = Client().get(address)
        told += re.findall("here (messages .* to .*)", response.content.decode())
        address = response.context["later_address"]
    assert told == ["messages 1 to 2", "messages 3 to 4", "messages 5 to 5"]
    assert "here messages" not in Client().get(address_of(pages[0])).content.decode()
    monkeypatch.undo()
    assert "here messages" not in Client().get(address_of(pages[0]) + "?print").content.decode()


# -- what is new -----------------------------------------------------------------------------


def later(reader: Any) -> None:
    """Let the pause pass that ends a visit."""
    marks = ReadMark.objects.filter(reader=reader)
    marks.update(visited_at=timezone.now() - 2 * read_marks.PAUSE)


def test_only_what_came_since_the_last_visit_is_new(folder: EmailFolderPage) -> None:
    pages = conversation(folder, 2)
    address = address_of(pages[0])
    user = factories.user()
    client = signed_in(user)
    first = client.get(address)
    assert first.context["new"] == 0
    later(user)
    pages += factories.archive(folder, answer(2), answer(3))
    for _ in range(2):  # and it stays new while the visit goes on
        second = client.get(address)
        assert [post.is_new for post in second.context["posts"]] == [False, False, True, True]
        assert [post.is_open for post in second.context["posts"]] == [False, False, True, True]
        assert "2 messages are new since your last visit." in second.content.decode()
        assert numbers(client.get(address + "?new"), pages) == [2, 3]
    later(user)
    assert client.get(address).context["new"] == 0
    assert numbers(client.get(address + "?new"), pages) == [0, 1, 2, 3]
    assert Client().get(address).context["new"] == 0


def test_marks_are_of_each_reader_and_number_what_is_unread(folder: EmailFolderPage) -> None:
    pages = conversation(folder, 1)
    (other,) = factories.archive(folder, factories.raw("Other"))
    address = address_of(pages[0])
    user = factories.user()
    signed_in(user).get(address)
    (new,) = factories.archive(folder, answer(1))
    (secret,) = factories.archive(folder, answer(2))
    hide(secret)
    request = signed_in(user).get(address).wsgi_request
    # That was a visit, too, but it has not noted yet what follows.
    _shown, restricted, unpublished, trashed = factories.archive(
        folder, *(answer(number) for number in (3, 4, 5, 6))
    )
    hide(restricted)
    Page.objects.filter(pk=unpublished.pk).update(live=False)
    trash.put(folder.pk, [trashed.pk], user_id=None, reason="")
    threads = [new.thread_id, Thread.objects.get(messages=other).pk]
    assert read_marks.unread(threads, request) == {new.thread_id: 1}
    request.user = factories.user()
    assert read_marks.unread(threads, request) == {}


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"Sec-Fetch-Dest": "image"}],
)
def test_nothing_is_noted_unless_somebody_looks(
    folder: EmailFolderPage, headers: dict[str, str]
) -> None:
    (page,) = conversation(folder, 1)
    client = signed_in()
    assert client.get(address_of(page), headers=headers).status_code == 200
    assert client.head(address_of(page)).status_code == 200
    assert Client().get(address_of(page)).status_code == 200
    assert not ReadMark.objects.exists()
    client.get(address_of(page), headers={"Sec-Fetch-Dest": "document"})
    assert ReadMark.objects.count() == 1


# -- who may see what ------------------------------------------------------------------------


def test_what_a_reader_may_not_see_is_nowhere(folder: EmailFolderPage) -> None:
    pages = factories.archive(
        folder,
        answer(0, Subject="Secret plan", From="Hidden One <hidden@example.org>"),
        answer(1, Subject="Re: Secret plan"),
        answer(2, Subject="Re: Secret plan"),
    )
    hide(pages[0])
    unlisted = EmailMessagePage.objects.get(pk=pages[2].pk)
    unlisted.live = False
    unlisted.save()
    client, address = Client(), address_of(pages[1])
    response = client.get(address)
    assert numbers(response, pages) == [1]
    assert response.context["message_count"] == 1
    assert response.context["posts"][0].parent is None
    assert "Hidden One" not in response.content.decode()
    saved: Any = client.get(address + "mbox/")
    mbox = b"".join(saved.streaming_content)
    assert b"hidden@example.org" not in mbox
    assert mbox.count(b"\nMessage-ID:") == 1
    assert numbers(signed_in(factories.superuser()).get(address), pages) == [0, 1]


def test_a_thread_of_which_nothing_may_be_seen_is_not_there(folder: EmailFolderPage) -> None:
    pages = conversation(folder, 2)
    for page in pages:
        hide(page)
    for route in ("", "?new", "?last", "mbox/", "zip/"):
        assert Client().get(address_of(pages[0]) + route).status_code == 404


def test_the_folder_guards_its_threads(folder: EmailFolderPage) -> None:
    (page,) = conversation(folder, 1)
    PageViewRestriction.objects.create(page=folder.page_ptr, restriction_type="login")
    routes = ("", "mbox/", "zip/", "arrange/", f"split/{page.pk}/")
    for route in routes:
        assert Client().get(address_of(page) + route).status_code == 302
    for route in ("mid/?id=n0@example.org", "mid/n0@example.org/", "threads/decisions/"):
        assert Client().get(folder.url + route).status_code == 302, route
    folder.unpublish()
    assert signed_in().get(address_of(page)).status_code == 404


# -- addresses of threads that are no more ---------------------------------------------------


def test_an_old_address_leads_to_where_its_messages_are_now(folder: EmailFolderPage) -> None:
    pages = conversation(folder, 2)
    (other,) = factories.archive(folder, factories.raw("Other"))
    user = factories.superuser()
    large, small = address_of(pages[0]), address_of(other)
    decision = thread_decisions.merge(
        Thread.objects.get(messages=other), Thread.objects.get(messages=pages[0]), user
    )
    response = Client().get(small + "?closed")
    assert (response.status_code, response.headers["Location"]) == (302, large + "?closed=")
    assert Client().get(small + "mbox/").status_code == 200
    thread_decisions.undo(decision, user)
    assert Client().get(small).headers["Location"] == address_of(other) != large
    split = thread_decisions.split(pages[1], user)
    part = address_of(pages[1])
    thread_decisions.undo(split, user)
    assert Client().get(part).headers["Location"] == large


def test_marks_do_not_hide_what_was_merged_into_a_thread(folder: EmailFolderPage) -> None:
    (first, other) = factories.archive(folder, answer(0), factories.raw("Other"))
    pages = factories.archive(folder, answer(1))
    boss, client = factories.superuser(), signed_in()
    for page in (first, other):
        assert client.get(address_of(page)).context["new"] == 0
    thread_decisions.merge(
        Thread.objects.get(messages=other), Thread.objects.get(messages=first), boss
    )
    response = client.get(address_of(first) + "?new")
    # From the first that the reader may not have seen there.
    assert numbers(response, [first, other, *pages]) == [2, 1]
    assert ReadMark.objects.count() == 1


def test_marks_stay_where_a_divided_thread_grows(folder: EmailFolderPage) -> None:
    pages = conversation(folder, 3)
    thread_decisions.split(pages[2], factories.superuser())
    user = factories.user()
    client = signed_in(user)
    client.get(address_of(pages[2]))
    later(user)
    (new,) = factories.archive(folder, answer(3))
    assert address_of(new) == address_of(pages[2])
    assert client.get(address_of(new)).context["new"] == 1


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_thread_that_goes_meanwhile_keeps_nobody_from_reading(rf: RequestFactory) -> None:
    folder = factories.folder()
    (first, other) = factories.archive(folder, factories.raw("One"), factories.raw("Other"))
    seen = [Thread.objects.get(messages=page) for page in (first, other)]
    thread_decisions.merge(seen[0], seen[1], factories.superuser())
    [gone] = [each for each in seen if not Thread.objects.filter(pk=each.pk).exists()]
    request = rf.get("/")
    request.user = factories.user()
    read_marks.visit(gone, request)
    assert not ReadMark.objects.exists()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="others do not wait for all writers")
def test_readers_do_not_wait_until_a_batch_of_mail_is_written(folder: EmailFolderPage) -> None:
    def waits() -> int:
        found: int = connection.connection.execute("PRAGMA busy_timeout").fetchone()[0]
        return found

    while_noting = []

    def look(execute: Any, sql: str, *more: Any) -> Any:
        if sql.startswith("INSERT") and "readmark" in sql:
            while_noting.append(waits())
        return execute(sql, *more)

    client, address = signed_in(), address_of(conversation(folder, 1)[0])
    usual = waits()
    with connection.execute_wrapper(look):
        assert client.get(address).status_code == 200
    assert [each < 1000 for each in while_noting] == [True]
    assert waits() == usual > 1000


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="one writes at a time there anyway")
def test_no_mark_is_set_while_its_thread_is_about_to_go() -> None:
    """A batch would be refused for it, and its mail taken for what cannot be archived."""
    [page] = factories.archive(factories.folder(), factories.raw())
    reader = factories.user()

    def mark() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = 200")
        try:
            ReadMark.objects.create(
                thread_id=page.thread_id, reader=reader, seen_until=0, visited_at=timezone.now()
            )
        finally:
            connection.close()

    page.refresh_from_db()
    with transaction.atomic(), ThreadPoolExecutor(1) as elsewhere:
        thread_moves.forget_marks([page.thread_id])
        with pytest.raises(OperationalError, match="lock timeout"):
            elsewhere.submit(mark).result()
