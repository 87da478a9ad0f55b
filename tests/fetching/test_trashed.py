"""What is in the trash, or was erased, does not come back by any fetch."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from tests import factories
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.archive import erasing, folder_trash, trash
from wagtail_mailarchive.fetching import schedule
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    FetchRun,
    MailAccount,
    Original,
    RunStatus,
    Trigger,
)

pytestmark = pytest.mark.django_db


def readable(folder: EmailFolderPage) -> list[str]:
    shown = EmailMessagePage.objects.filter(folder=folder, live=True, trashed=False)
    return sorted(shown.values_list("subject", flat=True))


def fetch(account: MailAccount) -> None:
    run = fetch_now(account).run
    assert (run.status, run.adds_up) == (RunStatus.SUCCEEDED, True), run.error


def test_removing_and_adding_the_account_again_changes_nothing(
    account: MailAccount, folder: EmailFolderPage, dovecot: Dovecot, mail_user: str
) -> None:
    for subject in ("Trashed", "Erased", "Stays"):
        dovecot.deliver(mail_user, factories.raw(subject))
    fetch(account)
    by_subject = {each.subject: each.pk for each in EmailMessagePage.objects.all()}
    gone = [by_subject["Trashed"], by_subject["Erased"]]
    trash.put(folder.pk, gone, user_id=None, reason="")
    erasing.erase(folder.pk, gone[1:], user_id=None, reason="Asked for")
    fetch(account)
    assert readable(folder) == ["Stays"]

    account.delete()
    fetch(factories.account(folder, dovecot.endpoint(mail_user)))
    assert readable(folder) == ["Stays"]
    assert Original.objects.count() == 2
    assert trash.restore(folder.pk, gone) == 1
    assert readable(folder) == ["Stays", "Trashed"]


def test_nothing_is_fetched_into_a_folder_that_is_in_the_trash(
    account: MailAccount, folder: EmailFolderPage, dovecot: Dovecot, mail_user: str
) -> None:
    dovecot.deliver(mail_user, factories.raw("New"))
    schedule.request_fetch(account, trigger=Trigger.HAND)
    folder_trash.put(folder, user_id=None, reason="")
    assert FetchRun.objects.get().stop_requested
    assert schedule.dispatch_due() == []
    with pytest.raises(CommandError, match="trash"):
        call_command("mailarchive_fetch", account=account.pk)
    assert not EmailMessagePage.objects.exists()
    folder_trash.restore(folder)
    FetchRun.objects.all().delete()
    fetch(account)
    assert readable(folder) == ["New"]
