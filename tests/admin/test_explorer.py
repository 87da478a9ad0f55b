"""A folder in the explorer: columns, order, search, permissions, and the price in queries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.template.defaultfilters import filesizeformat
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.models import Page

from tests import factories
from tests.admin.conftest import browser_of, user_with
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage
from wagtail_mailarchive.models.message_text import scope_of


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    return factories.folder(title="Offers")


def explore(client: Client, folder: Page, **query: Any) -> Any:
    return client.get(reverse("wagtailadmin_explore", args=[folder.pk]), query)


def titles(response: Any) -> list[str]:
    return [message.title for message in response.context["object_list"]]


def month(number: int) -> str:
    return f"05 {('Jan', 'Feb', 'Mar', 'Apr')[number]} 2026 14:30:00 +0100"


def test_shows_sender_subject_date_size_and_attachments(
    boss: Client, folder: EmailFolderPage
) -> None:
    message = factories.archive(folder, factories.raw("Invoice", "word " * 400))[0]
    html = explore(boss, folder).content.decode()
    assert "Ada Lovelace" in html
    assert "03/05/2026 2:30 p.m." in html
    assert filesizeformat(message.size) in html
    assert reverse("wagtailadmin_pages:edit", args=[message.pk]) in html


def test_words_of_mail_keep_their_order_on_a_page_from_right_to_left(
    boss: Client, folder: EmailFolderPage
) -> None:
    factories.archive(folder, factories.raw("[clear] Who moved <it>?"))
    html = explore(boss, folder).content.decode()
    assert "<bdi>[clear] Who moved &lt;it&gt;?</bdi>" in html
    assert "<bdi>Ada Lovelace</bdi>" in html


def test_newest_first_and_oldest_on_demand(boss: Client, folder: EmailFolderPage) -> None:
    order = [2, 0, 1]
    factories.archive(
        folder, *(factories.raw(f"Month {number}", Date=month(number)) for number in order)
    )
    assert titles(explore(boss, folder)) == ["Month 2", "Month 1", "Month 0"]
    oldest = explore(boss, folder, ordering="sorted_at")
    assert titles(oldest) == ["Month 0", "Month 1", "Month 2"]


def test_drag_and_drop_ordering_stays_in_pages(boss: Client, folder: EmailFolderPage) -> None:
    factories.archive(folder, *(factories.raw(f"Message {number}") for number in range(55)))
    response = explore(boss, folder, ordering="ord")
    assert len(titles(response)) == 50
    assert len(titles(explore(boss, folder, p=2))) == 5


def test_a_received_date_is_not_shown_as_the_sent_date(
    boss: Client, folder: EmailFolderPage
) -> None:
    received = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)
    factories.archive(folder, factories.raw("Dateless", Date=""), received_at=received)
    assert "04/01/2026 2 p.m. (received)" in explore(boss, folder).content.decode()


def test_no_subject_is_named(boss: Client, folder: EmailFolderPage) -> None:
    factories.archive(folder, factories.raw(""))
    assert "(no subject)" in explore(boss, folder).content.decode()


def test_no_subject_is_named_in_the_language_of_who_reads(folder: EmailFolderPage) -> None:
    [message] = factories.archive(folder, factories.raw(""))
    # As a worker with another language would have stored it.
    EmailMessagePage.objects.filter(pk=message.pk).update(title="(kein Betreff)")
    message = EmailMessagePage.objects.get(pk=message.pk)
    assert message.get_admin_display_title() == "(no subject)"
    [message] = factories.archive(folder, factories.raw("Invoice"))
    assert message.get_admin_display_title() == "Invoice"


def test_search_stays_in_the_folder(boss: Client, folder: EmailFolderPage) -> None:
    name = scope_of(folder.pk)
    factories.archive(factories.folder(), factories.raw(f"Foreign {name}", "pineapple\n"))
    assert titles(explore(boss, folder, q="pineapple")) == []
    assert titles(explore(boss, folder, q=name)) == []


def test_hostile_subjects_are_text(boss: Client, folder: EmailFolderPage) -> None:
    factories.archive(folder, factories.raw("<script>alert(1)</script>"))
    assert "<script>alert(1)" not in explore(boss, folder).content.decode()


def test_search_finds_words_of_the_body_newest_first(boss: Client, folder: EmailFolderPage) -> None:
    factories.archive(
        folder,
        factories.raw("Old", "about zebras\n", Date=month(0)),
        factories.raw("New", "more zebras\n", Date=month(3)),
        factories.raw("Other", "no such animal\n"),
    )
    assert titles(explore(boss, folder, q="zebras")) == ["New", "Old"]
    nothing = explore(boss, folder, q='"unbalanced ( AND')
    assert titles(nothing) == []
    assert "No message holds all of these words." in nothing.content.decode()


def test_the_number_of_queries_is_constant(boss: Client, folder: EmailFolderPage) -> None:
    def queries(**query: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert explore(boss, folder, **query).status_code == 200
        return len(captured)

    factories.archive(folder, factories.raw("First"))
    queries()
    few, few_found = queries(), queries(q="Body")
    factories.archive(folder, *(factories.raw(f"Message {number}") for number in range(40)))
    assert queries() == few <= 45
    assert queries(q="Body") == few_found


def test_editors_see_the_folder_and_strangers_do_not(folder: EmailFolderPage) -> None:
    factories.archive(folder, factories.raw("Invoice"))
    editor = user_with(folder.get_parent(), "change")
    assert titles(explore(browser_of(editor), folder)) == ["Invoice"]
    stranger = user_with(factories.workspace(), "change")
    assert explore(browser_of(stranger), folder).status_code == 302


def test_permission_for_one_message_shows_that_one_alone(folder: EmailFolderPage) -> None:
    first, _second = factories.archive(folder, factories.raw("One"), factories.raw("Two"))
    reader = user_with(Page.objects.get(pk=first.pk), "publish")
    other = factories.archive(factories.folder(), factories.raw("Three"))[0]
    for page in (first, other):
        assert EmailMessagePage.objects.filter(pk=page.pk).exists()
    response = explore(browser_of(reader), folder)
    assert response.status_code == 302 or titles(response) == ["One"]


def test_those_who_may_only_add_get_no_link_into_messages(folder: EmailFolderPage) -> None:
    message = factories.archive(folder, factories.raw("Invoice"))[0]
    adder = browser_of(user_with(folder.get_parent(), "add"))
    address = reverse("wagtailadmin_pages:edit", args=[message.pk])
    assert address not in explore(adder, folder).content.decode()
    assert adder.get(address).status_code == 302
