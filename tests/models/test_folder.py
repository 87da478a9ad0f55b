"""Folders live under workspaces only, and are private before the first message comes."""

from __future__ import annotations

import pytest
from django.db.models import ProtectedError
from django.http import Http404
from django.test import Client, RequestFactory
from pytest_django import Settings
from wagtail.models import Page, PageViewRestriction

from tests import factories
from tests.admin.conftest import user_with
from tests.site.models import PersonalPage, WorkspacePage
from wagtail_mailarchive.fetching import schedule
from wagtail_mailarchive.models import (
    EmailFolderPage,
    LedgerEntry,
    Mailbox,
    Outcome,
    Trigger,
)

pytestmark = pytest.mark.django_db


def use(settings: Settings, **values: object) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, **values}


def new_folder(parent: Page) -> EmailFolderPage:
    page = EmailFolderPage(title="Mail")
    parent.add_child(instance=page)
    return page


def test_a_folder_can_be_made_under_a_workspace_only() -> None:
    assert EmailFolderPage.can_create_at(factories.workspace())
    assert not EmailFolderPage.can_create_at(factories.personal_page())
    assert not EmailFolderPage.can_create_at(factories.home())
    assert not EmailFolderPage.can_create_at(factories.folder())


def test_moving_obeys_the_same_rule() -> None:
    folder = factories.folder()
    assert folder.can_move_to(factories.workspace())
    assert not folder.can_move_to(factories.personal_page())
    may = folder.permissions_for_user(factories.superuser())
    assert may.can_move_to(factories.workspace())
    assert not may.can_move_to(factories.personal_page())


def test_without_the_setting_any_page_holds_folders(settings: Settings) -> None:
    use(settings, WORKSPACE_PAGE_TYPES=None)
    assert EmailFolderPage.can_create_at(factories.personal_page())
    use(settings, WORKSPACE_PAGE_TYPES=["site.PersonalPage"])
    assert EmailFolderPage.clean_parent_page_models() == [PersonalPage]
    assert WorkspacePage not in EmailFolderPage.allowed_parent_page_models()


@pytest.mark.parametrize(
    ("setting", "kinds"),
    [("editors", ["groups"]), ("groups", ["groups"]), ("login", ["login"]), ("public", [])],
)
def test_a_new_folder_has_the_privacy_of_the_setting(
    settings: Settings, setting: str, kinds: list[str]
) -> None:
    use(settings, NEW_FOLDER_PRIVACY=setting)
    folder = new_folder(factories.workspace())
    found = PageViewRestriction.objects.filter(page=folder)
    assert list(found.values_list("restriction_type", flat=True)) == kinds


def test_a_new_folder_is_read_by_those_who_read_its_mail_in_the_admin_and_nobody_else() -> None:
    workspace = factories.workspace()
    writers = user_with(workspace, "change").groups.get()
    publishers = user_with(factories.home(), "publish").groups.get()
    user_with(workspace, "add", "lock", "unlock")
    user_with(factories.workspace(), "change", "publish")
    folder = new_folder(workspace)
    restriction = PageViewRestriction.objects.get(page=folder)
    assert restriction.restriction_type == "groups"
    # Wagtail's own groups hold their permissions on the root page.
    ours = set(restriction.groups.exclude(name__in=["Editors", "Moderators"]))
    assert ours == {writers, publishers}
    reader = Client()
    reader.force_login(factories.user())
    assert reader.get(folder.url).status_code == 302
    reader.force_login(writers.user_set.get())
    assert reader.get(folder.url).status_code == 200


def test_privacy_taken_off_stays_off() -> None:
    folder = new_folder(factories.workspace())
    PageViewRestriction.objects.filter(page=folder).delete()
    folder.title = "Renamed"
    folder.save()
    folder.save_revision().publish()
    assert not PageViewRestriction.objects.filter(page=folder).exists()


def test_an_unpublished_folder_hides_its_live_messages() -> None:
    folder = factories.folder()
    [message] = factories.archive(folder, factories.raw())
    folder = EmailFolderPage.objects.get(pk=folder.pk)
    request = RequestFactory().get("/")
    assert folder.route(request, [message.slug]).page.pk == message.pk
    folder.unpublish()
    folder = EmailFolderPage.objects.get(pk=folder.pk)
    for components in ([], [message.slug], [message.slug, "body"]):
        with pytest.raises(Http404):
            folder.route(request, components)
    with pytest.raises(Http404):
        Page.objects.get(pk=message.pk).specific.route(request, [])


def test_the_same_mail_in_two_folders_is_found_below_each(client: Client) -> None:
    raw = factories.raw("Twice")
    one, other = (factories.folder() for _ in range(2))
    [here], [there] = factories.archive(one, raw), factories.archive(other, raw)
    assert here.slug == there.slug
    for folder, message in ((one, here), (other, there)):
        found = client.get(f"{folder.url}{message.slug}/").context["page"]
        assert (found.pk, found.folder.pk) == (message.pk, folder.pk)


def test_mail_of_another_folder_is_not_found_below_this_one(client: Client) -> None:
    folder, private = factories.folder(), factories.folder(privacy="login")
    [message] = factories.archive(private, factories.raw())
    assert client.get(f"{folder.url}{message.slug}/").status_code == 404
    assert client.get(f"{private.url}{message.slug}/").status_code == 302


def test_a_folder_is_never_copied_nor_deleted_with_mail_in_it() -> None:
    folder = factories.folder()
    admin = factories.superuser()
    assert folder.permissions_for_user(admin).can_delete()
    assert not folder.permissions_for_user(admin).can_copy()
    factories.archive(folder, factories.raw())
    assert not folder.permissions_for_user(admin).can_delete()
    assert folder.permissions_for_user(admin).can_move()


def test_an_empty_folder_is_deleted_once_its_account_is_removed() -> None:
    folder = factories.folder()
    account = factories.account(folder)
    schedule.request_fetch(account, trigger=Trigger.HAND)
    Mailbox.objects.create(account=account, folder=folder, name="INBOX")
    admin = factories.superuser()
    assert not folder.permissions_for_user(admin).can_delete()
    account.delete()
    assert folder.permissions_for_user(admin).can_delete()
    folder.delete()
    assert not EmailFolderPage.objects.filter(pk=folder.pk).exists()


def test_a_folder_that_holds_only_quarantined_mail_is_not_deleted() -> None:
    folder = factories.folder()
    mailbox = Mailbox.objects.create(account=None, folder=folder, name="INBOX")
    LedgerEntry.objects.create(mailbox=mailbox, uidvalidity=1, uid=1, outcome=Outcome.QUARANTINED)
    assert not folder.permissions_for_user(factories.superuser()).can_delete()
    with pytest.raises(ProtectedError):
        folder.delete()


def test_saving_an_old_copy_of_a_folder_keeps_what_a_fetch_added_meanwhile() -> None:
    folder = factories.folder()
    stale = EmailFolderPage.objects.get(pk=folder.pk)
    factories.archive(folder, factories.raw(), factories.raw())
    stale.title = "Renamed by an editor"
    stale.save()
    assert not any(Page.find_problems())
    stale.save_revision().publish()
    EmailFolderPage.objects.get(pk=folder.pk).get_latest_revision_as_object().save()
    assert Page.objects.get(pk=folder.pk).numchild == 2
    assert not any(Page.find_problems())


def test_a_name_that_is_no_page_type_allows_nothing(settings: Settings) -> None:
    use(settings, WORKSPACE_PAGE_TYPES=["site.Nope", "nonsense"])
    assert not EmailFolderPage.can_create_at(factories.workspace())
