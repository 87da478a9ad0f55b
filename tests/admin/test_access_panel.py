"""The Access panel of a folder's form says what the permissions and the privacy really do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.models import GroupPagePermission, Page, PageViewRestriction

from tests import factories
from tests.admin.conftest import browser_of, user_with
from wagtail_mailarchive.admin.access import Ability, Access
from wagtail_mailarchive.admin.message_listing import may_inspect
from wagtail_mailarchive.models import EmailFolderPage
from wagtail_mailarchive.models.permissions import manage_permission, trash_permission

pytestmark = pytest.mark.django_db

(READING, IN_ADMIN, COMMENTING, EDITING, PUBLISHING, TRASHING, MANAGING) = range(7)


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    """A folder on which only groups of the test's own may anything."""
    GroupPagePermission.objects.all().delete()
    return factories.folder(factories.workspace("Sales"), title="Offers")


def told(folder: EmailFolderPage, viewer: User | None = None) -> list[Ability]:
    return Access(folder, viewer or factories.superuser()).abilities()


def who(ability: Ability) -> list[str]:
    return [grant.who for grant in ability.grants]


def group_with(page: Page, *permissions: str) -> Group:
    return user_with(page, *permissions).groups.get()


def restrict(page: Page, kind: str, groups: Iterable[Group] = (), password: str = "") -> None:
    made = PageViewRestriction.objects.create(
        page_id=page.pk, restriction_type=kind, password=password
    )
    made.groups.set(groups)


# -- what groups may -------------------------------------------------------------------------


def test_what_is_told_of_groups_is_what_their_members_can_do(folder: EmailFolderPage) -> None:
    section = Page.objects.get(pk=folder.get_parent().pk)
    [message] = factories.archive(folder, factories.raw())
    keepers = Group.objects.create(name="Keepers")
    keepers.permissions.add(manage_permission().get())
    tidy = Group.objects.create(name="Tidy")
    tidy.permissions.add(trash_permission().get())
    both = group_with(folder, "publish")
    both.permissions.add(manage_permission().get(), trash_permission().get())
    groups = [
        group_with(folder, "change"),
        group_with(section, "publish"),
        group_with(factories.home(), "change", "publish", "add"),
        group_with(section, "add", "lock", "unlock", "bulk_delete"),
        group_with(factories.workspace("Elsewhere"), "change", "publish"),
        both,
        keepers,
        tidy,
    ]
    abilities = told(folder)
    can: dict[int, Callable[[User], bool]] = {
        IN_ADMIN: lambda user: may_inspect(user, message),
        EDITING: lambda user: bool(folder.permissions_for_user(user).can_edit()),
        PUBLISHING: lambda user: bool(folder.permissions_for_user(user).can_publish()),
        TRASHING: lambda user: folder.permissions_for_user(user).can_trash(),
        MANAGING: lambda user: folder.permissions_for_user(user).can_manage_accounts(),
    }
    for members in [*combinations(groups, 1), *combinations(groups, 2)]:
        names = [group.name for group in members]
        user = factories.user()
        user.groups.set(members)
        for ability, really in can.items():
            said = any(_is_meant(grant, names) for grant in who(abilities[ability]))
            assert said == really(User.objects.get(pk=user.pk)), (ability, names)


def _is_meant(grant: str, names: list[str]) -> bool:
    """Whether the groups `names` are what a line names: one of them, or one of each kind."""
    if not grant.startswith("Whoever is in two groups: "):
        return grant in names
    publishing, holding = grant.removeprefix("Whoever is in two groups: in ").split(", and in ")
    return any(each in publishing for each in names) and any(each in holding for each in names)


def test_a_line_says_why_and_names_pages_above_only_to_who_may_know_them(
    folder: EmailFolderPage,
) -> None:
    section = Page.objects.get(pk=folder.get_parent().pk)
    sales = group_with(section, "publish")
    sales.permissions.add(trash_permission().get())
    abilities = told(folder)
    assert abilities[PUBLISHING].grants[0].why == f"May publish “{section.title}” and all below it."
    assert abilities[TRASHING].grants[0].why == (
        f"May publish “{section.title}” and all below it. "
        "Holds the permission “Can move mail to the trash and restore it”."
    )
    below = user_with(folder, "change")
    abilities = told(folder, below)
    assert abilities[PUBLISHING].grants[0].why == "May publish a section that holds this folder."
    assert abilities[EDITING].grants[0].why == "May edit this folder."


def test_trashing_and_managing_are_permissions_of_their_own(folder: EmailFolderPage) -> None:
    publishers = group_with(folder, "publish")
    publishers.permissions.add(trash_permission().get())
    abilities = told(folder)
    assert who(abilities[TRASHING]) == [publishers.name]
    assert who(abilities[MANAGING]) == []
    publishers.permissions.set([manage_permission().get()])
    abilities = told(folder)
    assert who(abilities[TRASHING]) == []
    assert who(abilities[MANAGING]) == [publishers.name]


def test_a_permission_given_to_people_by_name_is_told_as_a_number(folder: EmailFolderPage) -> None:
    group_with(folder, "publish")
    for _each in range(2):
        factories.user().user_permissions.add(trash_permission().get())
    factories.user(is_active=False).user_permissions.add(trash_permission().get())
    assert who(told(folder)[TRASHING]) == [
        "2 people, if in one of the groups that may publish here"
    ]


def test_who_made_the_folder_may_change_it_where_they_add_pages(folder: EmailFolderPage) -> None:
    maker = user_with(folder.get_parent(), "add")
    assert who(told(folder)[EDITING]) == []
    EmailFolderPage.objects.filter(pk=folder.pk).update(owner=maker)
    folder.refresh_from_db()
    assert folder.permissions_for_user(maker).can_edit()
    assert who(told(folder)[EDITING]) == [str(maker)]


# -- who reads -------------------------------------------------------------------------------


def test_privacy_of_the_folder_and_above_adds_up(folder: EmailFolderPage) -> None:
    section = Page.objects.get(pk=folder.get_parent().pk)
    assert who(told(folder)[READING]) == ["Everybody, signed in or not"]
    restrict(folder, "login")
    reading = told(folder)[READING]
    assert [(each.who, each.why) for each in reading.grants] == [
        ("Everybody who is signed in", "Privacy of this folder.")
    ]
    assert not reading.all_of
    restrict(section, "groups", [Group.objects.create(name=name) for name in ("Sales", "Board")])
    reading = told(folder)[READING]
    assert reading.all_of
    assert reading.grants[0].who == "Board or Sales"
    assert reading.grants[0].why == f"Privacy of “{section.title}”, a page above."
    below = user_with(folder, "change")
    assert told(folder, below)[READING].grants[0].why == "Privacy of a page above."


def test_without_a_group_or_unpublished_nobody_reads(folder: EmailFolderPage) -> None:
    restrict(folder, "groups")
    assert who(told(folder)[READING]) == ["Nobody but superusers: no group is chosen"]
    Page.objects.filter(pk=folder.get_parent().pk).update(live=False)
    [grant] = told(folder)[READING].grants
    assert grant.who == "Nobody"
    assert "is not published" in grant.why


def test_messages_restricted_on_their_own_are_counted(folder: EmailFolderPage) -> None:
    messages = factories.archive(folder, factories.raw(), factories.raw(), factories.raw())
    for message in messages[:2]:
        restrict(message, "login")
    restrict(factories.archive(factories.folder(), factories.raw())[0], "login")
    assert told(folder)[READING].beside == (
        "2 messages are restricted further, under Privacy of their own.",
    )


# -- who comments ----------------------------------------------------------------------------


def test_who_comments_follows_the_folder_and_else_the_site(folder: EmailFolderPage) -> None:
    [grant] = told(folder)[COMMENTING].grants
    assert grant.who == "Everybody who can read the message and is signed in"
    assert grant.why == "The settings of the site say so."
    folder.commenters = "groups"
    folder.commenter_groups.set([Group.objects.create(name="Board")])
    folder.save()
    [grant] = told(folder)[COMMENTING].grants
    assert grant.who == "Board"
    assert grant.why == "If they can read the message. This folder’s settings say so."
    # A draft changes nothing yet.
    folder.comment_moderation = "closed"
    folder.save_revision()
    assert who(told(folder)[COMMENTING]) == ["Board"]
    folder.save()
    assert who(told(folder)[COMMENTING]) == ["Nobody"]


# -- the panel -------------------------------------------------------------------------------


def page_of(client: Client, folder: EmailFolderPage) -> str:
    response = client.get(reverse("wagtailadmin_pages:edit", args=[folder.pk]))
    assert response.status_code == 200
    return str(response.content.decode())


def test_who_may_edit_the_folder_sees_the_panel_and_no_password(folder: EmailFolderPage) -> None:
    restrict(folder, "password", password="open sesame")
    editor = user_with(folder, "change")
    html = page_of(browser_of(editor), folder)
    assert "Everybody who knows the password" in html
    assert "The password is asked of them, too." in html
    assert "Nobody else can." in html
    assert editor.groups.get().name in html
    assert "open sesame" not in html


def test_a_new_folder_has_no_access_to_tell_of(folder: EmailFolderPage, boss: Client) -> None:
    address = reverse(
        "wagtailadmin_pages:add",
        args=["wagtail_mailarchive", "emailfolderpage", folder.get_parent().pk],
    )
    html = boss.get(address).content.decode()
    assert "Nobody else can." not in html


def test_many_groups_and_people_cost_no_more_queries(folder: EmailFolderPage) -> None:
    viewer = factories.superuser()

    def scene() -> None:
        group = group_with(folder, "add", "change", "publish")
        group.permissions.add(trash_permission().get(), manage_permission().get())
        restrict(folder, "groups", [group])
        factories.user().user_permissions.add(trash_permission().get())
        [message] = factories.archive(folder, factories.raw())
        restrict(message, "login")

    scene()
    owner = user_with(folder, "add")
    EmailFolderPage.objects.filter(pk=folder.pk).update(owner=owner, commenters="groups")
    folder.commenter_groups.set(owner.groups.all())
    folder.save()
    viewer = User.objects.get(pk=viewer.pk)
    with CaptureQueriesContext(
        connection,
    ) as few:
        told(folder, viewer)
    for _each in range(5):
        scene()
    with CaptureQueriesContext(connection) as many:
        told(folder, viewer)
    assert len(many) == len(few) <= 16
