"""A message cannot be changed, copied, moved or deleted, by any road that the ORM offers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import transaction
from django.db.models import ProtectedError
from wagtail.models import Page

from tests import factories
from wagtail_mailarchive.exceptions import MessageIsReadOnly
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, Thread

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


@pytest.fixture
def message(folder: EmailFolderPage) -> EmailMessagePage:
    [page] = factories.archive(folder, factories.raw("As it was"))
    stored: EmailMessagePage = EmailMessagePage.objects.get(pk=page.pk)
    return stored


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", "Forged"),
        ("title", "Forged"),
        ("slug", "forged"),
        ("sender_address", "evil@example.net"),
        ("sent_at", datetime(2001, 1, 1, tzinfo=UTC)),
        ("addresses", {}),
        ("message_id", "forged"),
        ("structure", {}),
        ("size", 1),
        ("seo_title", "Forged"),
        ("search_description", "Forged"),
    ],
)
def test_saving_a_changed_field_is_refused(
    message: EmailMessagePage, field: str, value: object
) -> None:
    setattr(message, field, value)
    with pytest.raises(MessageIsReadOnly):
        message.save()
    assert getattr(EmailMessagePage.objects.get(pk=message.pk), field) != value


def test_saving_what_did_not_change_is_fine(message: EmailMessagePage) -> None:
    message.save()
    EmailMessagePage.objects.only("pk").get(pk=message.pk).save()


def test_a_message_is_not_made_by_hand(folder: EmailFolderPage, message: EmailMessagePage) -> None:
    forged = EmailMessagePage(
        title="Forged", slug="forged", folder=folder, original=message.original
    )
    with pytest.raises(MessageIsReadOnly):
        folder.add_child(instance=forged)


def test_revisions_copies_aliases_translations_and_moves_are_refused(
    message: EmailMessagePage, folder: EmailFolderPage
) -> None:
    other = factories.folder()
    attempts: list[Callable[[], object]] = [
        message.save_revision,
        message.copy,
        message.create_alias,
        lambda: message.copy_for_translation(message.locale),
        lambda: message.move(other),
    ]
    for attempt in attempts:
        with pytest.raises(MessageIsReadOnly):
            attempt()
    assert not message.can_move_to(other)


def test_unpublishing_is_mirrored_for_counts(message: EmailMessagePage) -> None:
    message.unpublish()
    assert not EmailMessagePage.objects.get(pk=message.pk).listed
    message.live = True
    message.save(update_fields=["live"])
    assert EmailMessagePage.objects.get(pk=message.pk).listed
    message.unpublish()
    message = EmailMessagePage.objects.get(pk=message.pk)
    assert (message.live, message.listed) == (False, False)


def test_what_is_unpublished_as_a_plain_page_is_told_of_nowhere(message: EmailMessagePage) -> None:
    page = Page.objects.get(pk=message.pk)
    for live in (False, True):
        page.live = live
        page.save()
        message.refresh_from_db()
        assert (message.live, message.listed) == (live, live)
        assert Thread.objects.get().message_count == live
    Page.objects.get(pk=message.pk).unpublish()
    assert Thread.objects.get().snippet == ""


def test_superusers_may_do_no_more_than_others(
    message: EmailMessagePage, folder: EmailFolderPage
) -> None:
    may = message.permissions_for_user(factories.superuser())
    assert not any(
        [
            may.can_edit(),
            may.can_copy(),
            may.can_delete(),
            may.can_lock(),
            may.can_unlock(),
            may.can_move(),
            may.can_move_to(factories.folder()),
            may.can_copy_to(factories.folder()),
            may.can_unpublish(),
            may.can_submit_for_moderation(),
            may.can_add_subpage(),
        ]
    )
    assert not may.can_publish()
    assert may.can_set_view_restrictions()


def test_neither_message_nor_folder_nor_workspace_goes_while_mail_stands(
    message: EmailMessagePage, folder: EmailFolderPage
) -> None:
    workspace = folder.get_parent()
    for page in (message, EmailFolderPage.objects.get(pk=folder.pk)):
        with pytest.raises(ProtectedError):
            page.delete()
    with pytest.raises(ProtectedError), transaction.atomic():
        Page.objects.get(pk=workspace.pk).delete()
    with pytest.raises(ProtectedError), transaction.atomic():
        Page.objects.filter(pk=workspace.pk).delete()
    assert EmailMessagePage.objects.count() == 1
    assert not any(Page.find_problems())
