"""What lists show of a thread is the same however it was counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import factories
from wagtail_mailarchive.archive import removal, thread_summaries
from wagtail_mailarchive.archive.thread_summaries import Summary, recount, summarise
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, Thread, ThreadKey
from wagtail_mailarchive.models.thread import PARTICIPANTS

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


def raw(number: int, body: str = "Body", **headers: str) -> bytes:
    """The message of that number in a conversation, a minute after the one before."""
    return factories.raw(
        headers.pop("subject", "Re: Budget"),
        body,
        Message_ID=f"<m{number}@x>",
        References="<m0@x>",
        Date=f"Thu, 05 Mar 2026 12:{number:02}:00 +0000",
        **headers,
    )


def shown(thread: Thread) -> dict[str, Any]:
    return {name: getattr(thread, name) for name in thread_summaries.COLUMNS}


def test_a_list_shows_the_first_subject_the_last_words_and_who_wrote(
    folder: EmailFolderPage,
) -> None:
    factories.archive(folder, raw(2, "Last words"), raw(1, From="Bo <bo@x>"))
    factories.archive(folder, raw(0, subject="Budget", From="Cy <cy@x>"))
    thread = Thread.objects.get()
    assert shown(thread) == {
        "subject": "Budget",
        "first_at": NOON,
        "last_at": NOON + timedelta(minutes=2),
        "message_count": 3,
        "snippet": "Last words",
        "participants": [
            ["Cy", "cy@x", NOON.timestamp()],
            ["Bo", "bo@x", NOON.timestamp() + 60],
            ["Ada Lovelace", "ada@example.org", NOON.timestamp() + 120],
        ],
        "has_more_participants": False,
        "has_attachments": False,
    }
    before = shown(thread)
    recount([thread.pk])
    assert shown(Thread.objects.get()) == before


messages = st.lists(
    st.builds(
        lambda number, minute, attachments: {
            "subject": f"Subject {minute}",
            "sorted_at": NOON + timedelta(minutes=minute),
            "snippet": f"Words {minute}",
            "sender_name": f"Person {number}",
            "sender_address": f"p{number}@x" if number % 3 else "",
            "attachment_count": attachments,
        },
        st.integers(0, 70),
        st.integers(0, 500),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=120,
)


# Other processes may keep the machine busy for longer than Hypothesis allows an example.
@settings(max_examples=50, deadline=None)
@given(messages=messages, data=st.data())
def test_it_adds_up_in_any_order_and_in_any_parts(
    messages: list[dict[str, Any]], data: st.DataObject
) -> None:
    together = Summary()
    for each in messages:
        together.add_message(each)
    order = data.draw(st.permutations(messages))
    cut = data.draw(st.integers(0, len(order)))
    total, rest = Summary(), Summary()
    for each in order[:cut]:
        total.add_message(each)
    for each in order[cut:]:
        rest.add_message(each)
    total.add(rest)
    assert total.columns() == together.columns()
    assert len(together.people) <= PARTICIPANTS


def test_unlisted_messages_neither_count_nor_show(folder: EmailFolderPage) -> None:
    factories.archive(folder, raw(0, "Public"), raw(1, "Withdrawn", From="Bo <bo@x>"))
    page = EmailMessagePage.objects.get(message_id="m1@x")
    page.live = False
    page.save()
    thread = Thread.objects.get()
    assert (thread.message_count, thread.snippet) == (1, "Public")
    assert [address for _, address, _ in thread.participants] == ["ada@example.org"]
    page.live = True
    page.save()
    assert Thread.objects.get().message_count == 2


def test_where_all_are_unlisted_a_thread_says_nothing(folder: EmailFolderPage) -> None:
    factories.archive(folder, raw(0))
    page = EmailMessagePage.objects.get()
    page.live = False
    page.save()
    thread = Thread.objects.get()
    assert (thread.message_count, thread.subject, thread.snippet) == (0, "", "")
    assert thread.participants == []
    factories.archive(folder, raw(1))
    assert Thread.objects.get().message_count == 1
    assert Thread.objects.get().first_at == NOON + timedelta(minutes=1)


def test_what_a_reader_may_read_of_a_thread_is_summed_up_alone(folder: EmailFolderPage) -> None:
    factories.archive(folder, raw(0, "Public"), raw(1, "Restricted"))
    readable = EmailMessagePage.objects.filter(message_id="m0@x")
    (summary,) = summarise(readable).values()
    assert (summary.message_count, summary.snippet) == (1, "Public")


def test_threads_of_deleted_messages_are_counted_anew_or_go(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.archive(folder, raw(0), raw(1, "Words"), factories.raw("Other"))
    monkeypatch.setattr(removal, "_TOGETHER", 1)
    counted = []

    def progress(done: int) -> None:
        left = Thread.objects.order_by("pk").values_list("message_count", flat=True)
        counted.append(list(left))

    removal.remove_everything(progress)
    assert counted == [[1, 1], [1], []]
    assert not ThreadKey.objects.exists()


def test_saving_an_older_copy_of_a_message_does_not_take_its_thread_back(
    folder: EmailFolderPage,
) -> None:
    (old,) = factories.archive(folder, raw(1))
    older = EmailMessagePage.objects.get(pk=old.pk)
    larger = factories.archive(folder, raw(0, In_Reply_To=""), raw(2))[0].thread_id
    EmailMessagePage.objects.filter(pk=old.pk).update(thread=larger)
    older.thread_id = None
    older.show_in_menus = True
    older.save()
    assert EmailMessagePage.objects.get(pk=old.pk).thread_id == larger
