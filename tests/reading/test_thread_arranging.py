"""Managers merge and split threads on the site, and take it back."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from wagtail.models import GroupPagePermission

from tests import factories
from tests.reading.test_thread_page import address_of, conversation, hide, signed_in
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, ThreadDecision

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


@pytest.fixture
def pages(folder: EmailFolderPage) -> list[EmailMessagePage]:
    """A conversation of three, and a message of its own."""
    return [*conversation(folder, 3), *factories.archive(folder, factories.raw("Other"))]


def manager(folder: EmailFolderPage) -> Client:
    group = Group.objects.create(name="Publishers")
    for name in ("publish_page", "change_page"):
        permission = Permission.objects.get(codename=name, content_type__app_label="wagtailcore")
        GroupPagePermission.objects.create(group=group, page=folder.page_ptr, permission=permission)
    user = factories.user()
    user.groups.add(group)
    return signed_in(user)


def test_two_threads_are_merged_in_two_steps_and_it_is_undone(
    folder: EmailFolderPage, pages: list[EmailMessagePage]
) -> None:
    client = manager(folder)
    one, other = address_of(pages[0]), address_of(pages[3])
    assert f"{one}arrange/" in client.get(one).content.decode()
    offered = client.get(f"{one}arrange/")
    (near,) = offered.context["near"]
    assert near.address == other
    for wanted in (f"http://testserver{other}?closed#m1", other, pages[3].url, str(near.pk)):
        chosen = client.get(f"{one}arrange/", {"with": wanted})
        assert chosen.context["other"].address == other, wanted
    assert not ThreadDecision.objects.exists()

    merged = client.post(f"{one}arrange/", {"with": near.pk}, follow=True)
    assert merged.redirect_chain == [(one, 302)]
    assert merged.context["message_count"] == 4
    assert "The two threads are one now." in merged.content.decode()

    listed = client.get(f"{folder.url}threads/decisions/")
    (decided,) = listed.context["decided"]
    assert {page.pk for page, _ in decided.rows} == {pages[0].pk, pages[3].pk}
    undone = client.post(f"{folder.url}threads/decisions/", {"undo": decided.decision.pk})
    assert undone.status_code == 302
    assert client.get(one).context["message_count"] == 3
    assert not client.get(f"{folder.url}threads/decisions/").context["decided"]


def test_a_thread_is_split_after_asking(
    folder: EmailFolderPage, pages: list[EmailMessagePage]
) -> None:
    client = manager(folder)
    address = address_of(pages[0])
    route = f"{address}split/{pages[2].pk}/"
    shown = client.get(address).content.decode()
    assert route in shown
    assert f"{address}split/{pages[0].pk}/" not in shown
    assert client.get(route).status_code == 200
    assert not ThreadDecision.objects.exists()
    response = client.post(route)
    assert response.headers["Location"] == address_of(pages[2]) != address
    assert client.get(address).context["message_count"] == 2
    again = client.post(f"{address_of(pages[2])}split/{pages[2].pk}/", follow=True)
    assert "nothing to split" in again.content.decode()


@pytest.mark.parametrize("wanted", ["", "nonsense", "0", "9" * 18, "/thread/x/", "\0"])
def test_what_names_no_other_thread_is_said(
    pages: list[EmailMessagePage], folder: EmailFolderPage, wanted: str
) -> None:
    client, address = manager(folder), address_of(pages[0])
    shown = client.get(f"{address}arrange/", {"with": wanted})
    assert shown.context["other"] is None
    assert client.post(f"{address}arrange/", {"with": wanted}).status_code == 302
    assert client.post(f"{address}arrange/", {"with": address}).status_code == 302
    assert not ThreadDecision.objects.exists()


def test_threads_of_other_folders_and_hidden_ones_cannot_be_chosen(
    pages: list[EmailMessagePage], folder: EmailFolderPage
) -> None:
    client, address = manager(folder), address_of(pages[0])
    (foreign,) = factories.archive(factories.folder(), factories.raw("Foreign"))
    hide(pages[3])
    for other in (foreign, pages[3]):
        shown = client.get(f"{address}arrange/", {"with": address_of(other)})
        assert shown.context["other"] is None
        assert shown.context["near"] == []
    for key in (pages[3].pk, 2**63):
        assert client.get(f"{address}split/{key}/").status_code == 404


def test_nobody_else_arranges_threads(
    folder: EmailFolderPage, pages: list[EmailMessagePage]
) -> None:
    address = address_of(pages[0])
    other = factories.folder()
    decision = ThreadDecision.objects.create(folder=other, kind="split", message=pages[0])
    for client in (Client(), signed_in()):
        assert f"{address}arrange/" not in client.get(address).content.decode()
        for route in (f"{address}arrange/", f"{address}split/{pages[1].pk}/",
                      f"{folder.url}threads/decisions/"):  # fmt: skip
            assert client.get(route).status_code == 403
            assert client.post(route, {"with": pages[3].thread_id}).status_code == 403
    client = manager(folder)
    route = f"{folder.url}threads/decisions/"
    for given in (decision.pk, "", "x", "9" * 18):
        assert client.post(route, {"undo": given}).status_code == 404
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(factories.superuser())
    assert strict.post(f"{address}split/{pages[1].pk}/").status_code == 403
    assert ThreadDecision.objects.count() == 1
