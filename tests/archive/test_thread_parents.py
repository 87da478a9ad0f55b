"""Which message a message answers: of a whole thread, and the same of one page of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from wagtail_mailarchive.archive.thread_parents import Named, parents, parents_of_all
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage

from .test_threads import Said, arrive

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


def found(folder: EmailFolderPage, *messages: Said) -> list[int | None]:
    """Return what each of `messages` answers, by position."""
    keys = arrive(folder, *messages)
    pages = list(EmailMessagePage.objects.filter(pk__in=keys))
    of_page = parents(pages)
    assert of_page == parents_of_all([Named.of_message(page) for page in pages])
    # Each page of the thread says the same, whoever is on it.
    assert of_page == {pk: parent for page in pages for pk, parent in parents([page]).items()}
    answered = [of_page[key] for key in keys]
    return [None if parent is None else keys.index(parent) for parent in answered]


def test_in_reply_to_counts_before_the_last_reference(folder: EmailFolderPage) -> None:
    messages = (
        Said("a"),
        Said("b", ["a"], ["a"], minute=1),
        Said("c", ["a"], ["a", "b"], minute=2),
        Said("d", [], ["a", "b", "missing"], minute=3),
        Said("e", ["missing"], ["a", "missing"], minute=4),
    )
    assert found(folder, *messages) == [None, 0, 0, 1, 0]


def test_of_messages_with_one_message_id_the_first_is_answered(folder: EmailFolderPage) -> None:
    messages = Said("a", minute=2), Said("a", minute=1), Said("b", ["a"], minute=3)
    assert found(folder, *messages) == [None, None, 1]


def test_an_answer_whose_clock_is_slow_still_answers(folder: EmailFolderPage) -> None:
    messages = Said("a", minute=5), Said("b", ["a"], minute=1), Said("c", ["b"], minute=0)
    assert found(folder, *messages) == [None, 0, 1]


def test_in_a_circle_the_earliest_begins(folder: EmailFolderPage) -> None:
    messages = Said("a", ["c"], minute=1), Said("b", ["a"], minute=0), Said("c", ["b"], minute=2)
    assert found(folder, *messages) == [2, None, 1]


def test_a_circle_too_long_to_be_followed_is_cut_all_the_same(folder: EmailFolderPage) -> None:
    keys = arrive(folder, *(Said(f"m{n}", [f"m{(n + 1) % 30}"], minute=n) for n in range(30)))
    pages = EmailMessagePage.objects.filter(pk__in=keys)
    for page in pages:
        follow(parents([*pages]), page.pk)


def follow(parent_of: dict[int, int | None], pk: int | None) -> None:
    steps = 0
    while pk is not None:
        pk = parent_of[pk]
        steps += 1
        assert steps <= len(parent_of)


def test_a_page_of_a_thread_costs_one_query(folder: EmailFolderPage) -> None:
    def chain(length: int) -> Sequence[int]:
        named = [f"{length}-{n}" for n in range(length)]
        return arrive(
            folder,
            *(Said(named[n], named[n - 1 : n], named[:n], minute=n) for n in range(length)),
        )

    for length in (3, 30):
        pages = list(EmailMessagePage.objects.filter(pk__in=chain(length)))
        with CaptureQueriesContext(connection) as queries:
            parents(pages)
        assert len(queries) == 1


def test_a_message_without_a_thread_answers_none(folder: EmailFolderPage) -> None:
    keys = arrive(folder, Said("a"), Said("b", ["a"]))
    EmailMessagePage.objects.update(thread=None)
    assert parents(list(EmailMessagePage.objects.all())) == dict.fromkeys(keys)
