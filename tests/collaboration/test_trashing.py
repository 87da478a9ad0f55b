"""To the trash from where mail is read: one message, its thread, many of a list; and who may."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.models import PageViewRestriction

from tests import factories
from tests.admin.conftest import browser_of, user_with
from wagtail_mailarchive.collaboration import trashing
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, TrashEntry

pytestmark = pytest.mark.django_db


def trasher_of(*folders: EmailFolderPage) -> User:
    user = user_with(folders[0], "publish")
    user.groups.get().permissions.add(Permission.objects.get(codename="trash_mail"))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


@pytest.fixture
def thread(folder: EmailFolderPage) -> list[EmailMessagePage]:
    return factories.archive(
        folder,
        factories.raw("Plan", Message_ID="<plan@example.org>"),
        factories.raw("Re: Plan", In_Reply_To="<plan@example.org>"),
        factories.raw("Other"),
    )


def move(browser: Client, **given: Any) -> Any:
    return browser.post(reverse("wagtail_mailarchive:trash"), {"sure": "1", **given})


def trashed() -> set[str]:
    return set(TrashEntry.objects.values_list("message__subject", flat=True))


def test_from_the_message_page_one_or_its_thread(
    folder: EmailFolderPage, thread: list[EmailMessagePage]
) -> None:
    first = thread[0]
    browser = browser_of(trasher_of(folder))
    page = browser.get(first.url).content.decode()
    address = f"{reverse('wagtail_mailarchive:trash')}?message={first.pk}&amp;next="
    assert address in page
    asked = browser.get(reverse("wagtail_mailarchive:trash"), {"message": first.pk})
    assert "Move 1 message to the trash?" in asked.content.decode()
    assert f'name="thread" value="{first.thread_id}"' in asked.content.decode()
    assert "no-store" in asked["Cache-Control"]
    # To look is to do nothing.
    browser.post(reverse("wagtail_mailarchive:trash"), {"message": first.pk})
    assert trashed() == set()

    answer = move(
        browser, message=first.pk, thread=first.thread_id, reason="Not ours", next=folder.url
    )
    assert (answer.status_code, answer.url) == (302, folder.url)
    assert trashed() == {"Plan", "Re: Plan"}
    assert set(TrashEntry.objects.values_list("reason", flat=True)) == {"Not ours"}
    assert browser.get(first.url).status_code == 404


def test_from_the_thread_page_and_from_a_list(
    folder: EmailFolderPage, thread: list[EmailMessagePage]
) -> None:
    user = trasher_of(folder)
    browser = browser_of(user)
    first, _answer, other = thread
    shown = browser.get(f"{folder.url}thread/{first.thread_id}/").content.decode()
    assert f"{reverse('wagtail_mailarchive:trash')}?thread={first.thread_id}&amp;next=" in shown
    for view in ("", "?view=date"):
        listed = browser.get(f"{folder.url}{view}").content.decode()
        assert f'formaction="{reverse("wagtail_mailarchive:trash")}"' in listed
    move(browser, thread=[first.thread_id], message=[other.pk])
    assert trashed() == {"Plan", "Re: Plan", "Other"}
    assert set(TrashEntry.objects.values_list("user", flat=True)) == {user.pk}


def test_those_who_may_not_are_neither_offered_it_nor_let(
    folder: EmailFolderPage, thread: list[EmailMessagePage]
) -> None:
    publisher = browser_of(user_with(folder, "publish"))
    elsewhere = browser_of(trasher_of(factories.folder()))
    for browser in (publisher, elsewhere):
        for address in (
            thread[0].url,
            folder.url,
            f"{folder.url}thread/{thread[0].thread_id}/",
        ):
            assert reverse("wagtail_mailarchive:trash") not in browser.get(address).content.decode()
        assert move(browser, message=thread[0].pk).status_code == 404
    assert "next=" in move(Client(), message=thread[0].pk).url
    assert trashed() == set()


def test_what_may_not_be_read_is_left_where_it_is(
    folder: EmailFolderPage, thread: list[EmailMessagePage]
) -> None:
    """Nor is its subject told."""
    hidden, _answer, other = thread
    PageViewRestriction.objects.create(page=hidden.page_ptr, restriction_type="groups")
    browser = browser_of(trasher_of(folder))
    asked = browser.get(
        reverse("wagtail_mailarchive:trash"), {"thread": hidden.thread_id, "message": other.pk}
    )
    assert [each.subject for each in asked.context["shown"]] == ["Other", "Re: Plan"]
    move(browser, thread=hidden.thread_id, message=other.pk)
    assert trashed() == {"Re: Plan", "Other"}
    assert move(browser, message=hidden.pk).status_code == 404


def test_no_more_than_so_many_and_nothing_strange(
    folder: EmailFolderPage, thread: list[EmailMessagePage], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = browser_of(trasher_of(folder))
    address = reverse("wagtail_mailarchive:trash")
    assert browser.get(address, {"message": "1e9"}).status_code == 404
    assert browser.get(address, {"message": "9" * 30}).status_code == 404
    assert browser.get(address).status_code == 302
    assert move(browser, message=thread[0].pk, reason="x" * 501).status_code == 200
    assert move(browser, message=thread[0].pk, reason="a\0b").status_code == 200
    assert browser.put(address).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(trasher_of(folder))
    assert move(strict, message=thread[0].pk).status_code == 403
    monkeypatch.setattr(trashing, "MOST_MOVED", 2)
    answer = move(browser, message=[each.pk for each in thread], next="https://evil.example/")
    assert (answer.status_code, answer.url) == (302, "/")
    assert trashed() == set()


def test_looking_costs_the_same_for_one_and_for_many(folder: EmailFolderPage) -> None:
    many = factories.archive(folder, *(factories.raw() for _ in range(30)))
    user = trasher_of(folder)

    def queries(keys: list[int]) -> int:
        browser = browser_of(user)
        with CaptureQueriesContext(connection) as captured:
            browser.get(reverse("wagtail_mailarchive:trash"), {"message": keys})
        return len(captured)

    assert queries([each.pk for each in many]) <= queries([many[0].pk, many[1].pk]) <= 20
