"""Nothing of a private or unpublished page gets out, by any route, to anyone who may not see it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.test import Client, RequestFactory
from wagtail.models import Page, PageViewRestriction, Site

from tests import factories
from tests.reading import mail
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, MessageText
from wagtail_mailarchive.models.message_text import scope_of
from wagtail_mailarchive.models.privacy import refused_restrictions
from wagtail_mailarchive.reading.inline_images import InlineImageAddresses

pytestmark = pytest.mark.django_db

SECRET = "Hello"
READERS = ("anonymous", "user", "member", "superuser", "password holder")
# Who passes which restriction.
PASSES = {
    "login": {"user", "member", "superuser"},
    "groups": {"member", "superuser"},
    "password": {"password holder"},
}
PLACES = ("message", "folder", "ancestor")
MESSAGE_ROUTES = ("", "?view=text", "body/", "attachment/0/", "attachment/1/", "original/")


@dataclass
class Archive:
    workspace: Page
    folder: EmailFolderPage
    message: EmailMessagePage

    def place(self, name: str) -> Page:
        pages = {"message": self.message, "folder": self.folder, "ancestor": self.workspace}
        return Page.objects.get(pk=pages[name].pk)


@pytest.fixture
def archive() -> Archive:
    workspace = factories.workspace()
    folder = factories.folder(workspace)
    (message,) = factories.archive(folder, mail.html())
    return Archive(workspace, folder, message)


def restrict(page: Page, kind: str, group: Group) -> PageViewRestriction:
    made = PageViewRestriction.objects.create(page=page, restriction_type=kind, password="sesame")
    if kind == "groups":
        made.groups.add(group)
    return made


def reader(name: str, group: Group, restriction: PageViewRestriction | None = None) -> Client:
    client = Client()
    if name == "password holder" and restriction is not None:
        session = client.session
        session[PageViewRestriction.passed_view_restrictions_session_key] = [restriction.pk]
        session.save()
    elif name == "superuser":
        client.force_login(factories.superuser())
    elif name in ("user", "member"):
        user = factories.user()
        if name == "member":
            user.groups.add(group)
        client.force_login(user)
    return client


def content(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", PASSES)
@pytest.mark.parametrize("name", READERS)
def test_every_route_obeys_every_restriction(
    archive: Archive, name: str, kind: str, place: str
) -> None:
    group = Group.objects.create(name="Readers")
    restriction = restrict(archive.place(place), kind, group)
    client = reader(name, group, restriction)
    passes = name in PASSES[kind]

    for route in MESSAGE_ROUTES:
        response = client.get(archive.message.url + route)
        leaks = "Newsletter" in response.headers.get("Content-Disposition", "")
        if passes:
            assert response.status_code == 200, route
        else:
            # A redirect to the login, or the form that asks for the password.
            assert response.status_code == (200 if kind == "password" else 302), route
            text = content(response)
            assert not leaks
            for part in (SECRET.encode(), b"Newsletter", b"ada@example.org", b"a;b", mail.PNG[:8]):
                assert part not in text, route

    shown = client.get(archive.folder.url)
    listed = shown.status_code == 200 and b"Newsletter" in shown.content
    assert listed == passes
    if place == "message":
        assert shown.context["total"] == (1 if passes else 0)
    found = client.get(archive.folder.url, {"q": "newsletter"})
    assert (found.status_code == 200 and b"Hello" in found.content) == passes


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", PASSES)
@pytest.mark.parametrize("name", READERS)
def test_images_obey_every_restriction(archive: Archive, name: str, kind: str, place: str) -> None:
    group = Group.objects.create(name="Readers")
    restriction = restrict(archive.place(place), kind, group)
    client = reader(name, group, restriction)
    # An address that the reader might have from before the restriction, or have made up the
    # reader's part of.
    request: Any = RequestFactory().get("/")
    user_id = client.session.get("_auth_user_id")
    request.user = User.objects.get(pk=user_id) if user_id else AnonymousUser()
    request.session = client.session
    address = InlineImageAddresses(request, archive.message).address(0)
    assert Client().get(address).status_code == (200 if name in PASSES[kind] else 404)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["anonymous", "superuser"])
def test_unpublished_pages_show_nothing(archive: Archive, name: str, place: str) -> None:
    client = reader(name, Group.objects.create(name="Readers"))
    request: Any = RequestFactory().get("/")
    request.user, request.session = AnonymousUser(), {}
    image = InlineImageAddresses(request, archive.message).address(0)
    hidden = archive.place(place).specific
    hidden.live = False
    hidden.save()
    for route in MESSAGE_ROUTES:
        assert client.get(archive.message.url + route).status_code == 404, route
    assert client.post(archive.message.url).status_code == 404
    assert client.get(image).status_code == 404
    if place != "message":
        assert client.get(archive.folder.url).status_code == 404
        assert client.post(archive.folder.url + "fetch/").status_code == 404


def test_a_page_far_above_hides_mail_too() -> None:
    top = factories.workspace()
    folder = factories.folder(factories.workspace(parent=top))
    (message,) = factories.archive(folder, mail.html())
    assert Client().get(message.url).status_code == 200
    top.unpublish()
    assert Client().get(message.url).status_code == 404
    assert Client().get(folder.url).status_code == 404


def test_a_page_above_the_root_of_the_site_hides_mail_too() -> None:
    top = factories.workspace()
    root = factories.workspace(parent=top)
    (message,) = factories.archive(factories.folder(root), mail.html())
    site = Site.objects.create(hostname="mail.example.org", root_page=root)
    client = Client(SERVER_NAME="mail.example.org")
    address = urlsplit(message.full_url).path
    assert client.get(address).status_code == 200
    top.unpublish()
    assert client.get(address).status_code == 404
    # What Wagtail keeps of sites in the cache outlives the transaction of a test.
    site.delete()


def test_private_mail_that_names_a_public_folder_is_not_found_there(archive: Archive) -> None:
    private = factories.folder(privacy="groups")
    name = scope_of(archive.folder.pk)
    factories.archive(private, factories.raw(f"Merger {name}", f"pineapple in {name}\n"))
    for words in ("pineapple", name, f"in {name}", "merger"):
        shown = Client().get(archive.folder.url, {"q": words})
        assert shown.context["hits"] == []
        assert b"Merger" not in shown.content


def test_a_hit_of_another_folder_is_left_out_whatever_the_index_says(archive: Archive) -> None:
    private = factories.folder(privacy="groups")
    (secret,) = factories.archive(private, factories.raw("Merger", "pineapple\n"))
    MessageText.objects.filter(message=secret).update(scope=scope_of(archive.folder.pk))
    shown = Client().get(archive.folder.url, {"q": "pineapple"})
    assert shown.context["hits"] == []


def test_a_restricted_folder_refuses_to_fetch_before_it_says_who_may(archive: Archive) -> None:
    restrict(archive.place("folder"), "login", Group.objects.create(name="Readers"))
    assert Client().post(archive.folder.url + "fetch/").status_code == 302


def test_the_database_gives_wagtails_own_answers(archive: Archive) -> None:
    """`refused_restrictions` and `accept_request` must never differ."""
    readers, others = (Group.objects.create(name=name) for name in ("Readers", "Others"))
    pages = [factories.workspace() for _ in range(6)]
    kinds = ["login", "password", "password", "groups", "groups", "groups"]
    made = [
        restrict(Page.objects.get(pk=page.pk), kind, readers)
        for page, kind in zip(pages, kinds, strict=True)
    ]
    made[4].groups.set([others])
    made[5].groups.set([])
    user, both, boss = factories.user(), factories.user(), factories.superuser()
    user.groups.add(readers)
    both.groups.add(readers, others)
    people = [AnonymousUser(), factories.user(), user, both, boss]
    for person, passed in itertools.product(people, ([], [made[1].pk])):
        request: Any = RequestFactory().get("/")
        request.user = person
        request.session = {PageViewRestriction.passed_view_restrictions_session_key: passed}
        expected = {each.pk for each in made if not each.accept_request(request)}
        assert {each.pk for each in refused_restrictions(request)} == expected
