"""“Test connection”: on real servers, of values typed or saved, with a script and without."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.signing import TimestampSigner, b62_decode, b62_encode
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests import factories
from tests.admin.account_values import SECRET, add, edit, form, reaching
from tests.admin.conftest import browser_of, manager_of
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.fetching.trials import run_trial
from wagtail_mailarchive.models import (
    EmailFolderPage,
    MailAccount,
    Trial,
    TrialStatus,
    WorkerHeartbeat,
)
from wagtail_mailarchive.models.account import Protocol
from wagtail_mailarchive.sources.base import Security

pytestmark = pytest.mark.django_db
JSON = {"accept": "application/json"}


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    return factories.folder(factories.workspace("Sales"), title="Offers")


@pytest.fixture
def typed(dovecot: Dovecot, mail_user: str) -> dict[str, Any]:
    """What to type for a real mailbox with a message and a mailbox named in German."""
    dovecot.deliver(mail_user, factories.raw("Hello"))
    dovecot.create_mailbox(mail_user, "Entwürfe")
    return reaching(dovecot.endpoint(mail_user))


def ask(client: Client, into: EmailFolderPage, address: str = "", **values: Any) -> Any:
    """Press the button in a browser with JavaScript; return what its script gets."""
    sent = form(into, **values) | {"action-test": "1"}
    address = address or reverse("mailarchive_accounts:add")
    response = client.post(address, sent, headers=JSON)
    assert response.status_code == 200
    return response.json()


def connect(client: Client, into: EmailFolderPage, **values: Any) -> MailAccount:
    assert add(client, into, **values).status_code == 302
    return MailAccount.objects.get()


def form_of(account: MailAccount) -> str:
    return reverse("mailarchive_accounts:edit", args=[account.pk])


@pytest.mark.parametrize("protocol", list(Protocol))
@pytest.mark.parametrize("security", list(Security))
def test_typed_values_are_tried_and_not_stored(
    protocol: Protocol,
    security: Security,
    boss: Client,
    folder: EmailFolderPage,
    dovecot: Dovecot,
    mail_user: str,
) -> None:
    dovecot.deliver(mail_user, factories.raw("Hello"))
    values = reaching(dovecot.endpoint(mail_user, security), protocol)
    if protocol is Protocol.POP3:
        values["port"] = str(dovecot.pop3s if security is Security.TLS else dovecot.pop3)
    answer = ask(boss, folder, **values)
    assert answer["passed"], answer["html"]
    assert "The connection works." in answer["html"]
    assert "1 message in INBOX" in answer["html"]
    assert ("Certificate of localhost" in answer["html"]) == (security is not Security.PLAIN)
    assert not MailAccount.objects.exists()
    assert values["secret"] not in str(list(Trial.objects.values()))
    assert values["secret"] not in str(answer)


def test_a_passed_test_enables_what_was_tested_at_once(
    boss: Client, folder: EmailFolderPage, typed: dict[str, Any]
) -> None:
    answer = ask(boss, folder, **typed)
    listed = {each["name"]: each["use"] for each in answer["mailboxes"]}
    assert (listed["INBOX"], listed["Entwürfe"]) == ("", "")
    account = connect(boss, folder, **typed, tested=answer["tested"])
    assert account.enabled
    assert account.verified_at is not None


def test_who_wants_to_begin_later_can(
    boss: Client, folder: EmailFolderPage, typed: dict[str, Any]
) -> None:
    proof = ask(boss, folder, **typed)["tested"]
    account = connect(boss, folder, **typed, tested=proof, enabled="")
    assert not account.enabled
    assert account.verified_at is not None


@pytest.mark.parametrize(
    "change",
    [
        {"secret": "another"},
        {"host": "127.0.0.1"},
        {"port": "143"},
        {"username": "somebody"},
        {"connection": "imap-starttls"},
        {"tls_minimum": "1.3"},
        {"ca_certificate": ""},
        {"tested": "forged:signature"},
    ],
)
def test_a_passed_test_proves_nothing_for_other_values(
    change: dict[str, str], boss: Client, folder: EmailFolderPage, typed: dict[str, Any]
) -> None:
    proof = ask(boss, folder, **typed)["tested"]
    account = connect(boss, folder, **(typed | {"tested": proof} | change))
    assert (account.enabled, account.verified_at) == (False, None)


def test_a_passed_test_proves_nothing_for_somebody_else_or_later(
    boss: Client,
    folder: EmailFolderPage,
    typed: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proof = ask(boss, folder, **typed)["tested"]
    other = browser_of(manager_of(folder))
    assert not connect(other, folder, **typed, tested=proof).enabled
    MailAccount.objects.all().delete()
    made = TimestampSigner.timestamp
    monkeypatch.setattr(TimestampSigner, "timestamp", lambda self: _eleven_minutes_ago(made(self)))
    stale = ask(boss, folder, **typed)["tested"]
    assert not connect(boss, folder, **typed, tested=stale).enabled


def _eleven_minutes_ago(stamp: str) -> str:
    return b62_encode(b62_decode(stamp) - 660)


def test_a_failed_test_names_the_step_and_the_cause(
    boss: Client, folder: EmailFolderPage, typed: dict[str, Any]
) -> None:
    answer = ask(boss, folder, **(typed | {"secret": "wrong"}))
    assert not answer["passed"]
    assert answer["tested"] == ""
    assert "The connection does not work." in answer["html"]
    assert "Log in: <strong>failed</strong>" in answer["html"]
    assert "rejected the user name or password" in answer["html"]
    assert "Count the messages: <strong>not tried</strong>" in answer["html"]


def test_what_is_missing_is_said_instead_of_tested(boss: Client, folder: EmailFolderPage) -> None:
    answer = ask(boss, folder, secret="", host="a b", name="", folder="")
    assert "The connection was not tested." in answer["html"]
    assert "Password: Enter the password." in answer["html"]
    assert "Host: Enter the host name alone" in answer["html"]
    # What a test does not try need not be there yet.
    assert "Name:" not in answer["html"]
    assert not Trial.objects.exists()


def test_refused_targets_all_get_the_same_words(
    boss: Client, folder: EmailFolderPage, settings: Any
) -> None:
    closed = {**settings.WAGTAIL_MAILARCHIVE, "ALLOWED_MAIL_HOSTS": []}
    settings.WAGTAIL_MAILARCHIVE = closed | {"ALLOWED_MAIL_PORTS": [993]}
    for host, port in (("127.0.0.1", "993"), ("169.254.169.254", "993"), ("192.0.2.7", "22")):
        html = ask(boss, folder, host=host, port=port)["html"]
        assert f"{host}:{port} may not be reached from this site." in html
        assert "Settings &gt; Mail archive" in html


def test_tests_are_limited(boss: Client, folder: EmailFolderPage, settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "ALLOWED_MAIL_PORTS": [993]}
    answers = [ask(boss, folder, host="127.0.0.1", port="22")["html"] for _ in range(11)]
    assert "may not be reached" in answers[0]
    assert "tested too often" in answers[-1]


def test_without_a_script_the_form_comes_back_with_the_result(
    boss: Client, folder: EmailFolderPage, typed: dict[str, Any]
) -> None:
    sent = form(folder, **typed, name="") | {"action-test": "1"}
    response = boss.post(reverse("mailarchive_accounts:add"), sent)
    html = response.content.decode()
    assert "The connection works." in html
    assert 'name="mailboxes-picked" value="Entwürfe"' in html
    assert "Type the password again" in html
    assert typed["secret"] not in html
    again = response.context["form"]
    assert again["host"].value() == typed["host"]
    account = connect(boss, folder, **typed, tested=again["tested"].value())
    assert account.enabled


def test_what_is_saved_is_tested_by_the_worker(
    boss: Client,
    folder: EmailFolderPage,
    typed: dict[str, Any],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    account = connect(boss, folder, **typed)
    unchanged = typed | {"secret": ""}
    WorkerHeartbeat.beat()
    with django_capture_on_commit_callbacks() as queued:
        answer = ask(boss, folder, form_of(account), **unchanged)
    assert len(queued) == 1
    trial = Trial.objects.get()
    assert trial.account == account
    assert "is being tested" in answer["html"]
    assert boss.get(answer["poll"], headers=JSON).json()["poll"] == answer["poll"]
    run_trial(trial.pk)
    finished = boss.get(answer["poll"], headers=JSON).json()
    assert finished["poll"] == ""
    assert finished["passed"]
    assert reverse("mailarchive_enable_account", args=[account.pk]) in finished["html"]
    account.refresh_from_db()
    assert account.verified_at is not None
    # Without a script the same address leads to the form, with the result in it.
    page = boss.get(answer["poll"], follow=True).content.decode()
    assert "The connection works." in page
    assert 'name="mailboxes-picked" value="Entwürfe"' in page


def test_a_saved_accounts_test_without_a_script_leads_to_its_result(
    boss: Client, folder: EmailFolderPage, typed: dict[str, Any]
) -> None:
    account = connect(boss, folder, **typed)
    sent = form(folder, **(typed | {"secret": ""})) | {"action-test": "1"}
    page = boss.post(form_of(account), sent, follow=True).content.decode()
    assert "no worker is running" in page
    assert "python manage.py qcluster" in page
    run_trial(Trial.objects.get(status=TrialStatus.QUEUED).pk)
    assert (
        "The connection works."
        in boss.get(f"{form_of(account)}?trial={Trial.objects.get().pk}").content.decode()
    )


def test_a_new_password_of_a_saved_account_is_tried_at_once(
    boss: Client, folder: EmailFolderPage, typed: dict[str, Any]
) -> None:
    account = connect(boss, folder, **(typed | {"secret": SECRET}))
    answer = ask(boss, folder, form_of(account), **typed)
    assert answer["passed"]
    MailAccount.objects.update(enabled=True, verified_at=timezone.now())
    edit(boss, account, **typed, tested=answer["tested"])
    account.refresh_from_db()
    assert account.enabled
    assert account.endpoint().secret == typed["secret"]


def test_the_stored_password_is_used_where_it_still_belongs(
    boss: Client, folder: EmailFolderPage, typed: dict[str, Any]
) -> None:
    account = connect(boss, folder, **typed)
    changed = typed | {"secret": "", "tls_minimum": "1.3"}
    answer = ask(boss, folder, form_of(account), **changed)
    assert answer["passed"]
    edit(boss, account, **changed, tested=answer["tested"])
    account.refresh_from_db()
    assert account.verified_at is not None
    # And never for another server.
    elsewhere = ask(boss, folder, form_of(account), **(changed | {"host": "127.0.0.1"}))
    assert "Enter the password again" in elsewhere["html"]


def test_nobody_sees_the_trials_of_other_accounts(boss: Client, folder: EmailFolderPage) -> None:
    account, other = factories.account(folder), factories.account(folder)
    trial = Trial.objects.create(kind="connection", account=other)
    address = reverse("mailarchive_account_trial", args=[account.pk, trial.pk])
    assert boss.get(address, headers=JSON).status_code == 404


def test_typed_oauth_values_are_not_tried_before_somebody_signed_in(
    boss: Client, folder: EmailFolderPage, settings: Any
) -> None:
    providers = {"google": {"preset": "google", "client_id": "us", "client_secret": "x"}}
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "OAUTH_PROVIDERS": providers}
    typed = {"sign_in": "oauth2:google", "secret": "", "host": "imap.gmail.com"}
    html = ask(boss, folder, **typed)["html"]
    assert "Save the account and sign in first" in html
    assert not Trial.objects.exists()
