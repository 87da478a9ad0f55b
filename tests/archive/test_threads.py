"""Messages become threads, whatever order they come in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, count
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import factories
from wagtail_mailarchive.archive import originals, thread_division
from wagtail_mailarchive.archive.reprocessing import reprocess
from wagtail_mailarchive.archive.writer import Incoming, Writer
from wagtail_mailarchive.mime.message import Address, ParsedMessage
from wagtail_mailarchive.mime.process import ParserProcess
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    Mailbox,
    Thread,
    ThreadKey,
)

from .test_again import Parser

pytestmark = pytest.mark.django_db
numbers = count(1)
Partition = set[frozenset[int]]


@dataclass(frozen=True)
class Said:
    """What a message says of its thread.

    Attributes:
        answers: In-Reply-To.
        before: what stands before the topic in the subject.
        source: X-GM-THRID.
        minute: when it was sent, after noon.
    """

    name: str = ""
    answers: Sequence[str] = ()
    references: Sequence[str] = ()
    topic: str = "topic"
    before: str = ""
    source: int | None = None
    minute: int = 0

    def parsed(self, text: str = "") -> ParsedMessage:
        return ParsedMessage(
            subject=self.before + self.topic,
            sender=Address("Ada", "ada@example.org"),
            date=1_772_712_000 + 60 * self.minute,
            message_id=self.name,
            in_reply_to=list(self.answers),
            references=list(self.references),
            text=text,
        )


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


def arrive(folder: EmailFolderPage, *messages: Said) -> list[int]:
    """Archive `messages` in one batch; return their keys."""
    mailbox, _ = Mailbox.objects.get_or_create(account=None, folder=folder, name="threads")
    incoming = []
    for each in messages:
        number = next(numbers)
        original = originals.prepare([b"%d" % number])
        parsed = each.parsed(f"Number {number}")
        incoming.append(Incoming(number, None, original, parsed, each.source))
    Writer(mailbox, 1, fence=lambda: None, also=lambda outcomes, size: None).write(incoming)
    hashes = {each.original.sha256: place for place, each in enumerate(incoming)}
    found = EmailMessagePage.objects.filter(folder=folder, original__sha256__in=hashes)
    keys = {hashes[sha256]: pk for sha256, pk in found.values_list("original__sha256", "pk")}
    return [keys[place] for place in range(len(messages))]


def partition(keys: Sequence[int]) -> Partition:
    """Return which of the messages, by their position in `keys`, are in one thread."""
    threads = dict(EmailMessagePage.objects.filter(pk__in=keys).values_list("pk", "thread_id"))
    assert None not in threads.values()
    together: dict[Any, set[int]] = {}
    for position, key in enumerate(keys):
        together.setdefault(threads[key], set()).add(position)
    return {frozenset(each) for each in together.values()}


def threads_of(folder: EmailFolderPage, *messages: Said) -> Partition:
    """Let `messages` arrive one by one, forwards and backwards; return their threads."""
    forwards = [arrive(folder, each)[0] for each in messages]
    found = partition(forwards)
    other = factories.folder()
    backwards = [arrive(other, each)[0] for each in reversed(messages)]
    assert partition(backwards[::-1]) == found
    return found


def apart(number: int) -> Partition:
    return {frozenset({each}) for each in range(number)}


def together(number: int) -> Partition:
    return {frozenset(range(number))}


# -- what the rules say, of each pair alone --------------------------------------------------


def claimed(message: Said) -> tuple[str, set[str]]:
    """Return what a message answers, and all that it says it belongs to."""
    answered = next((name for name in message.answers if name != message.name), "")
    references = set(message.references)
    if answered and answered not in references:
        references = set()
    return answered, ({message.name, answered} | references) - {""}


def joined(one: Said, other: Said) -> bool:
    (answered, names), (other_answered, other_names) = claimed(one), claimed(other)
    if one.topic == other.topic:
        if names & other_names:
            return True
        if one.source is not None and one.source == other.source:
            return True
    return bool(
        (answered and answered == other.name) or (other_answered and other_answered == one.name)
    )


def components(size: int, edges: Sequence[tuple[int, int]]) -> Partition:
    groups = [{each} for each in range(size)]
    for one, other in edges:
        whole = groups[one] | groups[other]
        for each in whole:
            groups[each] = whole
    return {frozenset(each) for each in groups}


def expected(messages: Sequence[Said]) -> Partition:
    pairs = combinations(range(len(messages)), 2)
    return components(
        len(messages), [pair for pair in pairs if joined(messages[pair[0]], messages[pair[1]])]
    )


names = st.sampled_from("abcdef")
conversations = st.lists(
    st.builds(
        Said,
        name=st.sampled_from(["", *"abcdef"]),
        answers=st.lists(names, max_size=2),
        references=st.lists(names, max_size=3),
        topic=st.sampled_from(["one", "two", ""]),
        before=st.sampled_from(["", "Re: ", "AW: Fwd: "]),
        source=st.sampled_from([None, None, 1, 2]),
        minute=st.integers(0, 5),
    ),
    max_size=9,
)
# A folder for each example; the database is rolled back after the test.
shuffled = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def in_batches(
    folder: EmailFolderPage, messages: Sequence[Said], data: st.DataObject
) -> Sequence[int]:
    """Let `messages` arrive in any order, in any batches; return their keys."""
    order = data.draw(st.permutations(range(len(messages))))
    keys: dict[int, int] = {}
    while order:
        size = data.draw(st.integers(1, len(order)))
        batch, order = order[:size], order[size:]
        keys |= zip(batch, arrive(folder, *(messages[each] for each in batch)), strict=True)
    return [keys[each] for each in range(len(messages))]


@shuffled
@given(messages=conversations, data=st.data())
def test_threads_are_the_same_in_whatever_order_and_batches_messages_come(
    messages: list[Said], data: st.DataObject
) -> None:
    folder = factories.folder()
    keys = in_batches(folder, messages, data)
    assert partition(keys) == expected(messages)
    # Nothing is left of threads that went into others, and lists show what is there.
    counts = Counter(
        EmailMessagePage.objects.filter(folder=folder).values_list("thread", flat=True)
    )
    assert counts == dict(Thread.objects.filter(folder=folder).values_list("pk", "message_count"))
    thread_division.rejoin(folder.pk, keys)
    assert partition(keys) == expected(messages)


# -- each rule -------------------------------------------------------------------------------


def test_an_answer_is_in_the_thread_of_what_it_answers_whatever_its_subject(
    folder: EmailFolderPage,
) -> None:
    messages = Said("a"), Said("b", ["a"], ["a"], topic="other")
    assert threads_of(folder, *messages) == together(2)


def test_references_join_only_where_the_subject_is_the_same(folder: EmailFolderPage) -> None:
    messages = (
        Said("a"),
        Said("b", references=["a"], before="Re: [list] "),
        Said("c", references=["a"], topic="other"),
    )
    assert threads_of(folder, *messages) == {frozenset({0, 1}), frozenset({2})}


def test_messages_are_joined_through_one_that_is_missing(folder: EmailFolderPage) -> None:
    messages = Said("b", ["a"], ["a"]), Said("c", ["a"], ["a"], before="Re: ")
    assert threads_of(folder, *messages) == together(2)


def test_two_subjects_that_answer_a_missing_message_stay_apart(folder: EmailFolderPage) -> None:
    messages = Said("b", ["a"], ["a"], topic="one"), Said("c", ["a"], ["a"], topic="two")
    assert threads_of(folder, *messages) == apart(2)


def test_what_in_reply_to_names_and_references_do_not_counts_alone(
    folder: EmailFolderPage,
) -> None:
    messages = Said("a"), Said("b"), Said("c", ["b"], ["a"])
    assert threads_of(folder, *messages) == {frozenset({0}), frozenset({1, 2})}


def test_a_message_that_names_itself_is_joined_by_what_else_it_names(
    folder: EmailFolderPage,
) -> None:
    messages = Said("a", topic="one"), Said("b", ["b", "a"], ["b"], topic="two")
    assert threads_of(folder, *messages) == together(2)


def test_messages_in_a_circle_are_one_thread(folder: EmailFolderPage) -> None:
    messages = Said("a", ["c"]), Said("b", ["a"]), Said("c", ["b"])
    assert threads_of(folder, *messages) == together(3)


def test_the_same_message_id_with_other_bytes_is_in_the_same_thread(
    folder: EmailFolderPage,
) -> None:
    assert threads_of(folder, Said("a"), Said("a", before="[list] ")) == together(2)


def test_without_message_id_only_its_own_references_join(folder: EmailFolderPage) -> None:
    messages = Said("a"), Said("", references=["a"]), Said(""), Said("")
    assert threads_of(folder, *messages) == {
        frozenset({0, 1}),
        frozenset({2}),
        frozenset({3}),
    }


def test_no_subject_is_the_same_as_no_subject_only(folder: EmailFolderPage) -> None:
    messages = (
        Said("a", topic="", before="Re:"),
        Said("b", references=["a"], topic=""),
        Said("c", references=["a"]),
    )
    assert threads_of(folder, *messages) == {frozenset({0, 1}), frozenset({2})}


def test_the_servers_own_thread_joins_where_the_subject_is_the_same(
    folder: EmailFolderPage,
) -> None:
    messages = (
        Said("a", source=2**63 - 1),
        Said("b", source=2**63 - 1),
        Said("c", source=2**63 - 1, topic="other"),
        Said("d", source=1),
    )
    assert threads_of(folder, *messages) == {
        frozenset({0, 1}),
        frozenset({2}),
        frozenset({3}),
    }


def test_of_many_references_the_first_and_the_last_count(folder: EmailFolderPage) -> None:
    many = [f"r{number}" for number in range(1000)]
    messages = Said("r0"), Said("r1"), Said("r999"), Said("x", references=many)
    assert threads_of(folder, *messages) == {frozenset({0, 2, 3}), frozenset({1})}


def test_each_folder_has_threads_of_its_own(folder: EmailFolderPage) -> None:
    (one,) = arrive(folder, Said("a"))
    (two,) = arrive(factories.folder(), Said("b", ["a"]))
    assert partition([one, two]) == apart(2)


# -- what it costs ---------------------------------------------------------------------------


def reversed_chain(length: int) -> list[Said]:
    """A conversation in which each message answers the one before, the last first."""
    return [
        Said(f"m{n}", [f"m{n - 1}"], [f"m{each}" for each in range(max(0, n - 5), n)], minute=n)
        for n in range(length, 0, -1)
    ]


def test_queries_do_not_grow_with_the_batch(folder: EmailFolderPage) -> None:
    arrive(folder, Said("x"), Said("y", ["x"]))
    batches = []
    for size in (2, 60):
        # Each joins two threads that were there before.
        arrive(folder, *(Said(f"{size}-a{n}", topic=f"{n}") for n in range(size)))
        arrive(folder, *(Said(f"{size}-c{n}", [f"{size}-b{n}"]) for n in range(size)))
        with CaptureQueriesContext(connection) as queries:
            arrive(folder, *(Said(f"{size}-b{n}", [f"{size}-a{n}"]) for n in range(size)))
        batches.append(sum("thread" in query["sql"] for query in queries))
    # SQLite splits inserts and updates by its number of variables.
    assert batches[1] <= batches[0] + (4 if connection.vendor == "sqlite" else 0)
    # One of them locks the threads that go.
    assert batches[0] <= 18


def test_messages_are_looked_up_by_what_they_name_however_large_the_folder(
    folder: EmailFolderPage,
) -> None:
    """The planner knows nothing of tables that have just grown, and likes the folder's index."""
    arrive(folder, *(Said(f"m{n}", [f"m{n - 1}"]) for n in range(100)))
    with CaptureQueriesContext(connection) as queries:
        arrive(folder, Said("x", ["m5"]), Said("y", ["x"]))
    asked = [query["sql"] for query in queries if "asked" in query["sql"]]
    plans = []
    with connection.cursor() as cursor:
        for sql in asked:
            explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
            cursor.execute(explain + sql.replace("%", "%%"))
            plans.append(str(cursor.fetchall()))
    assert len(plans) == 3
    assert "threadkey" in plans[0]
    assert "mailarchive_message_id" in plans[1]
    assert "mailarchive_reply_to" in plans[2]


def test_a_long_thread_that_comes_backwards_writes_no_more_for_each_message(
    folder: EmailFolderPage,
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL does not count the rows that a connection changes")
    changes = []
    chain = reversed_chain(360)
    for start in range(0, len(chain), 40):
        connection.ensure_connection()
        before = connection.connection.total_changes
        arrive(folder, *chain[start : start + 40])
        changes.append(connection.connection.total_changes - before)
    assert Thread.objects.get(folder=folder).message_count == 360
    assert changes[-1] <= changes[1] + 10


def test_many_of_one_message_id_are_looked_for_once(folder: EmailFolderPage) -> None:
    """A broken program that gives all its mail one Message-ID, and mail that answers it."""
    arrive(folder, *(Said("same", topic=f"{n}") for n in range(30)))
    assert Thread.objects.filter(folder=folder).count() == 30
    arrive(folder, Said("x", ["same"]))
    assert Thread.objects.filter(folder=folder).count() == 1
    arrive(folder, Said("same", topic="later"), Said("y", ["same"], topic="other"))
    thread = Thread.objects.get(folder=folder)
    assert thread.message_count == 33
    assert ThreadKey.objects.filter(thread=thread).count() <= 2 * 33 + 1


# -- read again ------------------------------------------------------------------------------


def test_what_was_archived_before_there_were_threads_gets_one_when_it_is_read_again(
    folder: EmailFolderPage,
) -> None:
    messages = Said("a"), Said("b", ["a"]), Said("c", ["b"]), Said("d", topic="other")
    keys = arrive(folder, *messages)
    EmailMessagePage.objects.update(thread=None, parsed_by=1)
    ThreadKey.objects.all().delete()
    Thread.objects.all().delete()
    # New mail does not wait for that.
    keys += arrive(folder, Said("e", ["c"]))
    assert partition(keys[-1:]) == together(1)
    said = dict(zip(keys, (*messages, Said("e", ["c"])), strict=True))
    for key in keys:
        told = said[key].parsed()
        reprocess([key], parser=Parser(lambda parsed, told=told: told))  # type: ignore[misc]
    assert partition(keys) == {frozenset({0, 1, 2, 4}), frozenset({3})}
    assert not any(Thread.objects.filter(message_count=0))


def test_reading_again_joins_and_parts_as_the_message_says_now(folder: EmailFolderPage) -> None:
    keys = arrive(folder, Said("a"), Said("b", ["a"]), Said("c", ["b"]), Said("x"))
    addresses = dict(EmailMessagePage.objects.values_list("pk", "url_path"))
    told = Said("b", ["x"]).parsed()

    done = reprocess([keys[1]], parser=Parser(lambda parsed: told))

    assert done.changed == 1
    assert partition(keys) == {frozenset({0}), frozenset({1, 2, 3})}
    assert dict(EmailMessagePage.objects.values_list("pk", "url_path")) == addresses
    assert sorted(Thread.objects.values_list("message_count", flat=True)) == [1, 3]


def test_newer_rules_are_applied_when_mail_is_read_again(folder: EmailFolderPage) -> None:
    """Each cluster once, and not for each of its messages."""
    raws = [factories.raw(Message_ID="<a@x>"), factories.raw(In_Reply_To="<a@x>")]
    keys = [page.pk for page in factories.archive(folder, *raws)]
    Thread.objects.update(decided_by=0)
    ThreadKey.objects.all().delete()
    with ParserProcess() as parser:
        reprocess(keys[:1], parser=parser)
        assert ThreadKey.objects.exists()
        before = set(ThreadKey.objects.values_list("pk", flat=True))
        with CaptureQueriesContext(connection) as queries:
            reprocess(keys[1:], parser=parser)
    assert not any("threadkey" in query["sql"] for query in queries)
    assert set(ThreadKey.objects.values_list("pk", flat=True)) == before
    assert partition(keys) == together(2)
