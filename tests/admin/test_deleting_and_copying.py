"""Mail is neither deleted with a page above it nor copied, and the refusal names the folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import ProtectedError
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import URLResolver, reverse
from django.urls.resolvers import RegexPattern
from wagtail import hooks
from wagtail.actions import CopyPageForTranslationAction
from wagtail.models import Locale, Page, PageLogEntry

from tests import factories
from tests.admin.conftest import browser_of, state_of, user_with
from tests.site.models import WorkspacePage
from wagtail_mailarchive.admin.page_translation import TranslationWithoutMail
from wagtail_mailarchive.archive import folder_trash
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, MailAccount


@pytest.fixture
def workspace(db: None) -> WorkspacePage:
    return factories.workspace("Sales")


@pytest.fixture
def message(workspace: WorkspacePage) -> EmailMessagePage:
    folder = factories.folder(workspace, title="Offers")
    return factories.archive(folder, factories.raw("Invoice"))[0]


def said(response: Any) -> str:
    return " ".join(str(each) for each in get_messages(response.wsgi_request))


def above(message: EmailMessagePage) -> list[Page]:
    """The folder, its workspace and the site's home."""
    return [message.folder, message.folder.get_parent(), factories.home()]


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("method", ["get", "post"])
def test_the_delete_view_names_the_folder(
    method: str, level: int, boss: Client, message: EmailMessagePage
) -> None:
    page = above(message)[level]
    before = state_of(message)
    response = getattr(boss, method)(reverse("wagtailadmin_pages:delete", args=[page.pk]))
    assert response.status_code == 302
    assert "Offers" in said(response)
    assert state_of(message) == before


@pytest.mark.parametrize("level", [0, 1, 2])
def test_bulk_delete_deletes_nothing(level: int, boss: Client, message: EmailMessagePage) -> None:
    page = above(message)[level]
    bystander = factories.workspace("Bystander")
    before = state_of(message)
    address = reverse("wagtail_bulk_action", args=["wagtailcore", "page", "delete"])
    response = boss.post(f"{address}?id={page.pk}&next=/admin/", {"confirm_site_name": "Tests"})
    assert response.status_code == 302
    assert state_of(message) == before
    if level:
        response = boss.post(
            f"{address}?id={bystander.pk}&id={page.pk}&next=/admin/",
            {"confirm_site_name": "Tests"},
        )
        assert "Offers" in said(response)
        assert state_of(message) == before


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("path", ["", "actions/delete/"])
def test_api_deletes_nothing_and_names_the_folder(
    path: str, level: int, api: Callable[..., Any], message: EmailMessagePage
) -> None:
    before = state_of(message)
    response = api("delete", f"/pages/{above(message)[level].pk}/{path}")
    assert response.status_code == 403
    assert "Offers" in response.json()["detail"]
    assert state_of(message) == before


@pytest.mark.parametrize("level", [0, 1, 2])
def as_one(page: Page) -> Any:
    return page.delete()


def as_plain_page(page: Page) -> Any:
    return Page.objects.get(pk=page.pk).delete()


def as_queryset(page: Page) -> Any:
    return type(page).objects.filter(pk=page.pk).delete()


def as_branch(page: Page) -> Any:
    branch = Page.objects.filter(path__startswith=page.path)
    return branch.not_exact_type(EmailMessagePage).delete()


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("delete", [as_one, as_plain_page, as_queryset, as_branch])
def test_code_deletes_nothing_and_is_told_the_folder(
    delete: Callable[[Page], Any], level: int, message: EmailMessagePage
) -> None:
    """Refused before Wagtail logs deletions, and treebeard counts children down."""
    page = above(message)[level].specific
    before = [*state_of(message), PageLogEntry.objects.count()]
    with pytest.raises(ProtectedError, match="Offers") as refused:
        delete(page)
    assert "trash" in str(refused.value)
    # Views that nobody wrote for mail answer 403.
    assert isinstance(refused.value, PermissionDenied)
    assert [*state_of(message), PageLogEntry.objects.count()] == before


def test_code_deletes_no_message(message: EmailMessagePage) -> None:
    for page in (message, Page.objects.get(pk=message.pk)):
        with pytest.raises(ProtectedError, match="not deleted"):
            page.delete()
    with pytest.raises(ProtectedError, match="not deleted"):
        EmailMessagePage.objects.all().delete()
    assert EmailMessagePage.objects.count() == 1


def test_what_is_said_leads_to_the_trash_and_then_to_erasing(
    boss: Client, workspace: WorkspacePage, message: EmailMessagePage
) -> None:
    def answer(page: Page) -> str:
        return said(boss.post(reverse("wagtailadmin_pages:delete", args=[page.pk])))

    assert "Move that folder to the trash first" in answer(workspace)
    assert "Move it to the trash instead" in answer(message.folder)
    folder_trash.put(message.folder, user_id=None, reason="")
    assert "erase it there first" in answer(workspace)
    assert "Erase it in its trash first" in answer(message.folder)


def test_deleting_other_pages_asks_little_more(workspace: WorkspacePage) -> None:
    """However much mail there is elsewhere."""

    def queries() -> int:
        page = factories.workspace("Empty")
        with CaptureQueriesContext(connection) as captured:
            page.delete()
        return len(captured)

    factories.archive(factories.folder(workspace), factories.raw())
    few = queries()
    for _ in range(3):
        factories.archive(factories.folder(workspace), factories.raw(), factories.raw())
    assert queries() <= few


def test_a_stranger_is_not_told_the_folders_name(message: EmailMessagePage) -> None:
    stranger = user_with(factories.workspace("Elsewhere"), "add", "change", "publish")
    address = reverse("wagtailadmin_pages:delete", args=[message.folder_id])
    response = browser_of(stranger).post(address)
    assert response.status_code == 302
    assert "Offers" not in said(response)


def test_a_folder_without_mail_can_be_deleted(boss: Client, workspace: WorkspacePage) -> None:
    folder = factories.folder(workspace, title="Empty")
    assert boss.post(reverse("wagtailadmin_pages:delete", args=[folder.pk])).status_code == 302
    assert not EmailFolderPage.objects.filter(pk=folder.pk).exists()


def test_a_folder_with_an_account_is_not_deleted(boss: Client, workspace: WorkspacePage) -> None:
    folder = factories.folder(workspace, title="Connected")
    factories.account(folder)
    response = boss.post(reverse("wagtailadmin_pages:delete", args=[workspace.pk]))
    assert "Connected" in said(response)
    assert EmailFolderPage.objects.filter(pk=folder.pk).exists()


@pytest.mark.parametrize("alias", ["", "on"])
def test_copying_an_ancestor_with_its_subpages_is_refused(
    alias: str, boss: Client, workspace: WorkspacePage, message: EmailMessagePage
) -> None:
    before = state_of(message)
    data = {
        "new_title": "Copy",
        "new_slug": "copy",
        "new_parent_page": factories.home().pk,
        "alias": alias,
    }
    address = reverse("wagtailadmin_pages:copy", args=[workspace.pk])
    assert boss.get(address).status_code == 200
    response = boss.post(address, {**data, "copy_subpages": "on"})
    assert "Offers" in said(response)
    assert state_of(message) == before
    assert boss.post(address, data).status_code == 302
    assert WorkspacePage.objects.filter(slug="copy").exists()
    assert EmailFolderPage.objects.count() == 1


def test_copying_a_folder_is_refused(boss: Client, message: EmailMessagePage) -> None:
    before = state_of(message)
    address = reverse("wagtailadmin_pages:copy", args=[message.folder_id])
    response = boss.post(
        address,
        {
            "new_title": "Copy",
            "new_slug": "copy",
            "new_parent_page": message.folder.get_parent().pk,
        },
    )
    assert response.status_code == 302
    assert state_of(message) == before


@pytest.mark.parametrize("action", ["copy", "create_alias"])
@pytest.mark.parametrize("level", [0, 1])
def test_api_copies_no_mail(
    level: int, action: str, api: Callable[..., Any], message: EmailMessagePage
) -> None:
    before = state_of(message)
    page = above(message)[level]
    data = {"recursive": True, "slug": "copy", "destination_id": factories.workspace().pk}
    before = state_of(message)
    response = api("post", f"/pages/{page.pk}/actions/{action}/", data)
    assert response.status_code == 403
    assert "Offers" in response.json()["detail"]
    assert state_of(message) == before


def copied(page: Page) -> Page:
    return page.copy(recursive=True, update_attrs={"slug": "copy", "title": "Copy"})


def aliased(page: Page) -> Page:
    return page.create_alias(recursive=True, update_slug="alias")


def translated(page: Page) -> Page:
    french, _ = Locale.objects.get_or_create(language_code="fr")
    action = CopyPageForTranslationAction(page, french, copy_parents=True, include_subtree=True)
    return action.execute()


def translated_as_aliases(page: Page) -> Page:
    french, _ = Locale.objects.get_or_create(language_code="fr")
    action = CopyPageForTranslationAction(
        page, french, copy_parents=True, alias=True, include_subtree=True
    )
    return action.execute()


COPIES = [copied, aliased, translated, translated_as_aliases]


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("copy", COPIES)
def test_code_copies_nothing_and_is_told_the_folder(
    copy: Callable[[Page], Page], level: int, message: EmailMessagePage
) -> None:
    """Refused before the first page is copied, whoever is in a transaction or not."""
    before = [*state_of(message), PageLogEntry.objects.count()]
    for page in (above(message)[level].specific, Page.objects.get(pk=above(message)[level].pk)):
        with pytest.raises(PermissionDenied, match="Offers"):
            copy(page)
    assert [*state_of(message), PageLogEntry.objects.count()] == before


def test_code_copies_no_message(message: EmailMessagePage) -> None:
    before = state_of(message)
    for copy in COPIES:
        for page in (message, Page.objects.get(pk=message.pk)):
            with pytest.raises(PermissionDenied):
                copy(page)
    assert state_of(message) == before


@pytest.mark.parametrize("level", [0, 1])
def test_code_copies_a_page_without_the_mail_below_it(
    level: int, message: EmailMessagePage
) -> None:
    """A folder without mail and accounts, a workspace without folders."""
    page = above(message)[level].specific
    factories.account(message.folder)
    french = Locale.objects.create(language_code="fr")
    for copy in (
        page.copy(update_attrs={"slug": "copy", "title": "Copy"}),
        page.create_alias(update_slug="alias"),
        page.copy_for_translation(french, copy_parents=True),
    ):
        assert type(copy) is type(page)
        assert not copy.get_descendants().exists()
    assert EmailMessagePage.objects.count() == 1
    assert MailAccount.objects.get().folder_id == message.folder_id


def translate_by_form(user: User, page: Page, **data: Any) -> Any:
    """What Wagtail's form to translate answers: to a POST with `data`, to a GET without."""
    factory = RequestFactory()
    request = factory.post("/", data) if data else factory.get("/")
    request.user, request.session = user, Client().session
    vars(request)["_messages"] = FallbackStorage(request)
    answer = TranslationWithoutMail.as_view()(request, page_id=page.pk)
    answer.wsgi_request = request
    return answer


def test_the_form_to_translate_refuses_mail_and_says_so(
    superuser: User, message: EmailMessagePage
) -> None:
    stranger = user_with(factories.workspace("Elsewhere"), "change")
    french = Locale.objects.create(language_code="fr")
    folder, workspace, home = above(message)
    home.copy_for_translation(french)
    before = state_of(message)
    whole = {"locales": [french.pk], "include_subtree": "on"}
    for page in (folder, workspace):
        answer = translate_by_form(superuser, page, **whole)
        assert answer.status_code == 302
        assert "Offers" in said(answer)
    assert "never copied" in said(translate_by_form(superuser, message))
    with pytest.raises(PermissionDenied, match=r"^$"):
        translate_by_form(stranger, folder, **whole)
    assert state_of(message) == before
    # The pages alone are translated.
    for page in (workspace, folder):
        assert translate_by_form(superuser, page, locales=[french.pk]).status_code == 302
    assert EmailFolderPage.objects.get(locale=french).numchild == 0


def test_that_form_stands_before_wagtails_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        # The test site does not have it, and its hooks are for sites that do.
        patched.setattr(hooks, "register", lambda *args, **kwargs: lambda function: function)
        from wagtail.contrib.simple_translation.wagtail_hooks import register_admin_urls
    [first, *_others] = hooks.get_hooks("register_admin_urls")
    assert first() == []
    monkeypatch.setattr(apps, "is_installed", lambda name: name.endswith("simple_translation"))
    resolver = URLResolver(RegexPattern(""), [*first(), *register_admin_urls()])
    found = resolver.resolve("translation/submit/page/1/")
    assert found.func.view_class is TranslationWithoutMail  # type: ignore[attr-defined]
