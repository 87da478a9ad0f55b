"""Creating and saving a folder: who will read it, and where saving leads."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from wagtail.models import Page, PageLogEntry, PageViewRestriction
from wagtail.test.utils.form_data import nested_form_data

from tests import factories
from tests.admin.conftest import browser_of, user_with
from tests.site.models import WorkspacePage
from wagtail_mailarchive.fetching.run import LOG_ACTION
from wagtail_mailarchive.models import EmailFolderPage


@pytest.fixture
def workspace(db: None) -> WorkspacePage:
    return factories.workspace("Sales")


def add_address(parent: Page) -> str:
    return reverse(
        "wagtailadmin_pages:add", args=["wagtail_mailarchive", "emailfolderpage", parent.pk]
    )


def form(**values: str) -> dict[str, Any]:
    comments = {"TOTAL_FORMS": "0", "INITIAL_FORMS": "0"}
    fields = {"title": "Offers", "slug": "offers", "description": "", **values}
    data: dict[str, Any] = nested_form_data({**fields, "comments": comments})
    return data


def said(response: Any) -> str:
    return " ".join(str(each) for each in get_messages(response.wsgi_request))


@pytest.mark.parametrize(
    ("privacy", "sentence", "restriction"),
    [
        ("editors", "Only administrators and the groups that can edit or publish here", "groups"),
        ("login", "Everyone who is signed in will be able", "login"),
        ("groups", "Nobody but administrators", "groups"),
        ("public", "Everybody will be able to read", None),
    ],
)
def test_the_form_says_who_will_read_and_means_it(
    privacy: str,
    sentence: str,
    restriction: str | None,
    boss: Client,
    workspace: WorkspacePage,
    settings: Any,
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "NEW_FOLDER_PRIVACY": privacy}
    shown = boss.get(add_address(workspace)).content.decode()
    assert sentence in shown
    # Which keeps the fields of a new folder, too, within a narrow window.
    assert "wagtail_mailarchive/admin.css" in shown
    boss.post(add_address(workspace), form(**{"action-publish": "1"}))
    folder = EmailFolderPage.objects.get()
    kinds = list(
        PageViewRestriction.objects.filter(page_id=folder.pk).values_list(
            "restriction_type", flat=True
        )
    )
    assert kinds == ([restriction] if restriction else [])
    edit = boss.get(reverse("wagtailadmin_pages:edit", args=[folder.pk])).content.decode()
    assert sentence not in edit


@pytest.mark.parametrize("action", [{}, {"action-publish": "1"}])
def test_saving_a_new_folder_leads_to_its_content_and_the_next_step(
    action: dict[str, str], boss: Client, workspace: WorkspacePage
) -> None:
    response = boss.post(add_address(workspace), form(**action))
    folder = EmailFolderPage.objects.get()
    assert response.headers["Location"] == reverse("wagtailadmin_explore", args=[folder.pk])
    content = boss.get(response.headers["Location"]).content.decode()
    assert "No mail account is connected to this folder yet." in content
    assert reverse("mailarchive_accounts:add") + f"?folder={folder.pk}" in content


def test_an_editor_is_sent_to_an_administrator(workspace: WorkspacePage) -> None:
    editor = browser_of(user_with(workspace, "add", "change", "publish"))
    response = editor.post(add_address(workspace), form(**{"action-publish": "1"}))
    content = editor.get(response.headers["Location"]).content.decode()
    assert "Ask an administrator" in content
    assert reverse("mailarchive_accounts:add") not in content


def test_publishing_leads_to_the_content_and_autosave_leads_nowhere(
    boss: Client, workspace: WorkspacePage
) -> None:
    folder = factories.folder(workspace, title="Offers")
    folder.save_revision()
    address = reverse("wagtailadmin_pages:edit", args=[folder.pk])
    response = boss.post(address, form(slug=folder.slug, **{"action-publish": "1"}))
    assert response.headers["Location"] == reverse("wagtailadmin_explore", args=[folder.pk])
    boss.get(response.headers["Location"])  # shows, and so clears, what publishing said
    saved = boss.post(address, form(slug=folder.slug), headers={"accept": "application/json"})
    assert saved.json()["success"] is True
    assert said(saved) == ""


def test_a_personal_page_takes_no_folder(boss: Client) -> None:
    personal = factories.personal_page()
    assert boss.get(add_address(personal)).status_code == 302
    boss.post(add_address(personal), form(**{"action-publish": "1"}))
    assert not EmailFolderPage.objects.exists()


def test_the_history_tells_of_fetches(boss: Client, workspace: WorkspacePage) -> None:
    folder = factories.folder(workspace)
    PageLogEntry.objects.log_action(
        folder, LOG_ACTION, data={"archived": 12, "account": "Sales inbox"}
    )
    html = boss.get(reverse("wagtailadmin_pages:history", args=[folder.pk])).content.decode()
    assert "Fetched 12 new messages from Sales inbox" in html
