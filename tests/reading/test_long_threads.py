"""What a reader is told of a long thread that hides some of its messages is what is left of it."""

from __future__ import annotations

from itertools import combinations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory
from wagtail.models import PageViewRestriction

from tests import factories
from wagtail_mailarchive.archive import thread_summaries
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, Thread
from wagtail_mailarchive.reading import thread_lookup

pytestmark = pytest.mark.django_db

WRITERS = ("Ada <ada@x>", "Bo <bo@x>", "Cy <cy@x>", "Ada <ada@x>", "Cy <cy@x>", "Bo <bo@x>")


def conversation(folder: EmailFolderPage) -> list[EmailMessagePage]:
    return factories.archive(
        folder,
        *(
            factories.raw(
                "Re: Budget",
                f"Words {number}",
                From=writer,
                Message_ID=f"<m{number}@x>",
                References="<m0@x>",
                Date=f"Thu, 05 Mar 2026 12:{number:02}:00 +0000",
            )
            for number, writer in enumerate(WRITERS)
        ),
    )


@pytest.mark.parametrize("hidden", [*combinations(range(6), 1), *combinations(range(6), 2)])
def test_it_is_the_same_as_if_all_were_counted(
    rf: RequestFactory, monkeypatch: pytest.MonkeyPatch, hidden: tuple[int, ...]
) -> None:
    monkeypatch.setattr(thread_summaries, "PARTICIPANTS", 2)
    monkeypatch.setattr(thread_lookup, "_LONG", 5)
    messages = conversation(factories.folder())
    by_time = sorted(messages, key=lambda each: each.sorted_at)
    PageViewRestriction.objects.bulk_create(
        PageViewRestriction(page=by_time[each].page_ptr, restriction_type="login")
        for each in hidden
    )
    thread = Thread.objects.get()
    seen = EmailMessagePage.objects.exclude(pk__in=[by_time[each].pk for each in hidden])
    request = rf.get("/")
    request.user, request.session = AnonymousUser(), {}  # type: ignore[assignment]
    told = thread_lookup.summary_for(thread, request)
    expected = thread_summaries.summarise(seen)[thread.pk]
    names = [each for each in thread_summaries.COLUMNS if each != "participants"]
    assert {each: getattr(told, each) for each in names} == {
        each: getattr(expected, each) for each in names
    }
    assert told.people == expected.people


def test_lists_count_what_is_left_of_it(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread_lookup, "_LONG", 5)
    folder = factories.folder()
    by_time = sorted(conversation(folder), key=lambda each: each.sorted_at)
    # Ada wrote before, so that nothing else of the row comes from this one.
    PageViewRestriction.objects.create(page=by_time[3].page_ptr, restriction_type="login")
    for query in ({}, {"month": "2026-03"}):
        [row] = client.get(folder.url, query).context["rows"]
        assert (row.messages, row.people) == (5, ["Ada", "Bo", "Cy"])
