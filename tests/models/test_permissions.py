"""The one rule of who manages mail accounts, asked from every side."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from wagtail.models import GroupPagePermission

from tests import factories
from tests.admin.conftest import manager_of, user_with
from wagtail_mailarchive.admin.policies import AccountPolicy
from wagtail_mailarchive.models import EmailFolderPage, MailAccount
from wagtail_mailarchive.models.permissions import (
    accounts_managed_by,
    all_managers,
    folders_managed_by,
    manage_permission,
    managers_of,
    may_manage_any,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def here(db: None) -> EmailFolderPage:
    return factories.folder(factories.workspace("Here"))


@pytest.fixture
def elsewhere(db: None) -> EmailFolderPage:
    return factories.folder(factories.workspace("Elsewhere"))


def may(user: User, folder: EmailFolderPage) -> bool:
    """Ask the rule from every side, with a user who has cached nothing, and expect one answer."""
    fresh = User.objects.get(pk=user.pk)
    account = MailAccount.objects.filter(folder=folder).first() or factories.account(folder)
    policy = AccountPolicy(MailAccount)
    answers = {
        folder.permissions_for_user(fresh).can_manage_accounts(),
        folder in folders_managed_by(fresh),
        account in accounts_managed_by(fresh),
        user in managers_of(folder),
        policy.user_has_permission_for_instance(fresh, "change", account),
        account in policy.instances_user_has_permission_for(fresh, "change"),
        user in policy.users_with_permission_for_instance("change", account),
    }
    assert len(answers) == 1, f"two rules: {answers}"
    return answers.pop()


def test_publishing_and_the_permission_make_a_manager_of_that_section_alone(
    here: EmailFolderPage, elsewhere: EmailFolderPage
) -> None:
    user = manager_of(here.get_parent())
    assert may(user, here)
    assert not may(user, elsewhere)
    assert may_manage_any(user)
    assert user in all_managers()


def test_a_superuser_manages_everything(here: EmailFolderPage) -> None:
    assert may(factories.superuser(), here)


@pytest.mark.parametrize("pages", [(), ("add", "change", "lock"), ("publish",)])
def test_neither_half_is_enough(here: EmailFolderPage, pages: tuple[str, ...]) -> None:
    user = user_with(here, *pages)
    if "publish" not in pages:
        user.groups.get().permissions.add(manage_permission().get())
    assert not may(user, here)
    assert not may_manage_any(User.objects.get(pk=user.pk))
    assert user not in all_managers()


def test_publishing_and_the_permission_may_come_from_two_groups(here: EmailFolderPage) -> None:
    user = user_with(here, "publish")
    holders = Group.objects.create(name="Holders")
    holders.permissions.add(manage_permission().get())
    user.groups.add(holders)
    assert may(user, here)


def test_the_permission_may_be_the_users_own(here: EmailFolderPage) -> None:
    user = user_with(here, "publish")
    user.user_permissions.add(manage_permission().get())
    assert may(user, here)


def test_who_may_not_sign_in_manages_nothing(here: EmailFolderPage) -> None:
    for user in (manager_of(here), factories.superuser()):
        user.is_active = False
        user.save()
        assert not may(user, here)
        assert not may_manage_any(User.objects.get(pk=user.pk))


def test_nobody_manages_nothing(here: EmailFolderPage) -> None:
    nobody = AnonymousUser()
    factories.account(here)
    assert not here.permissions_for_user(nobody).can_manage_accounts()
    assert not may_manage_any(nobody)
    assert not folders_managed_by(nobody).exists()
    assert not accounts_managed_by(nobody).exists()


def test_who_stops_being_a_publisher_stops_being_a_manager(here: EmailFolderPage) -> None:
    user = manager_of(here)
    assert may(user, here)
    GroupPagePermission.objects.filter(group__in=user.groups.all()).delete()
    assert not may(user, here)


def test_each_manager_is_named_once(here: EmailFolderPage) -> None:
    user = manager_of(here)
    second = Group.objects.create(name="Again")
    second.permissions.add(manage_permission().get())
    user.groups.add(second)
    user.user_permissions.add(manage_permission().get())
    assert list(managers_of(here).filter(pk=user.pk)) == [user]
    assert list(all_managers().filter(pk=user.pk)) == [user]


def test_the_number_of_queries_does_not_grow(here: EmailFolderPage) -> None:
    user = manager_of(here)
    few = list(_queries(user, here))
    for number in range(5):
        folder = factories.folder(here.get_parent(), title=f"Folder {number}")
        factories.account(folder)
        manager_of(folder)
    assert list(_queries(user, here)) == few


def _queries(user: User, folder: EmailFolderPage) -> Iterator[int]:
    """How many queries each question takes, for a user who has cached nothing."""
    fresh = User.objects.get(pk=user.pk)
    for ask in (folders_managed_by, accounts_managed_by):
        with CaptureQueriesContext(connection) as captured:
            list(ask(fresh))
        yield len(captured)
    with CaptureQueriesContext(connection) as captured:
        list(managers_of(folder))
    yield len(captured)
