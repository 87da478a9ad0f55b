"""`mailarchive_fetch`: plain lines, one JSON object, and an exit status that tells."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests import factories
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.fetching import batches, mailboxes
from wagtail_mailarchive.models import AccountHealth, EmailFolderPage, MailAccount
from wagtail_mailarchive.models.site_settings import ArchiveSiteSettings

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("mailarchive_fetch", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_says_in_a_line_what_came(account: MailAccount, dovecot: Dovecot, mail_user: str) -> None:
    dovecot.deliver(mail_user, factories.raw())
    assert run() == f"{account.name}: 1 archived (1 on the server).\n"
    assert run() == f"{account.name}: nothing new (1 on the server).\n"


def test_json_is_one_object(account: MailAccount, dovecot: Dovecot, mail_user: str) -> None:
    dovecot.deliver(mail_user, factories.raw())
    summary = json.loads(run("--json"))
    assert (summary["archived"], summary["failed"]) == (1, 0)
    [told] = summary["accounts"]
    assert told["status"] == "succeeded"
    assert told["adds_up"] is True


def test_exit_status_is_one_if_any_account_failed(
    account: MailAccount, dovecot: Dovecot, mail_user: str, folder: EmailFolderPage
) -> None:
    factories.account(folder, dovecot.endpoint(mail_user, secret="wrong"))
    dovecot.deliver(mail_user, factories.raw())
    out = StringIO()
    with pytest.raises(SystemExit) as exit_status:
        call_command("mailarchive_fetch", stdout=out, stderr=StringIO())
    assert exit_status.value.code == 1
    assert "1 archived" in out.getvalue()
    assert "rejected" in out.getvalue()


def test_an_error_nobody_foresaw_in_one_account_ends_no_other(
    account: MailAccount,
    folder: EmailFolderPage,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dovecot.deliver(mail_user, factories.raw())
    second = factories.account(folder, dovecot.endpoint(mail_user), name="Second")
    work = mailboxes.Pass.work
    passes: list[mailboxes.Pass] = []

    def fail_at_first(self: mailboxes.Pass) -> None:
        passes.append(self)
        if len(passes) == 1:
            raise ZeroDivisionError
        work(self)

    monkeypatch.setattr(mailboxes.Pass, "work", fail_at_first)
    out = StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("mailarchive_fetch", stdout=out, stderr=StringIO())
    first_told, second_told = out.getvalue().splitlines()
    assert first_told.startswith(f"{account.name}: Fetching {account.name} stopped for a reason")
    assert second_told == f"{second.name}: 1 archived (1 on the server)."


def test_a_rejected_password_is_not_tried_again_and_again(
    account: MailAccount, dovecot: Dovecot, mail_user: str, folder: EmailFolderPage
) -> None:
    held = factories.account(folder, dovecot.endpoint(mail_user))
    AccountHealth.objects.create(account=held, held_code="LoginRejected")
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("mailarchive_fetch", "--json", stdout=out)
    summary = json.loads(out.getvalue())
    assert [told["status"] for told in summary["accounts"]] == ["succeeded", "held"]
    assert summary["failed"] == 1
    assert not held.runs.exists()
    with pytest.raises(SystemExit):
        call_command("mailarchive_fetch", stdout=out)
    assert "because its login was rejected" in out.getvalue()


def test_one_account_or_folder_can_be_chosen(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    other = factories.account(factories.folder(), dovecot.endpoint(mail_user))
    assert run("--account", str(account.pk)).startswith(account.name)
    assert run("--folder", str(other.folder_id)).startswith(other.name)
    with pytest.raises(CommandError, match="no enabled mail account"):
        run("--account", "987654")
    with pytest.raises(CommandError, match="no enabled mail account"):
        run("--account", "0")


def test_while_the_site_is_switched_off_nothing_is_fetched(account: MailAccount) -> None:
    ArchiveSiteSettings.objects.create(is_on=False)
    with pytest.raises(CommandError, match="switched off"):
        run()
    assert not account.runs.exists()


def test_a_terminal_shows_how_far_it_is(
    account: MailAccount,
    dovecot: Dovecot,
    mail_user: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "MAX_MESSAGES", 1)
    for number in range(3):
        dovecot.deliver(mail_user, factories.raw(f"Message {number}"))
    account.message_limit = 2
    account.save()
    terminal = StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    call_command("mailarchive_fetch", stdout=StringIO(), stderr=terminal)
    shown = terminal.getvalue()
    assert f"[{'#' * 15:<30}] 1/2" in shown
    assert f"[{'#' * 30}] 2/2" in shown
