"""“Dry run” in the admin: requested once, done by the worker, and told message by message."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests import factories
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.fetching.trials import run_trial
from wagtail_mailarchive.models import (
    EmailMessagePage,
    MailAccount,
    Mailbox,
    Trial,
    TrialKind,
    WorkerHeartbeat,
)

pytestmark = pytest.mark.django_db
JSON = {"accept": "application/json"}


@pytest.fixture
def account(dovecot: Dovecot, mail_user: str) -> MailAccount:
    for number in range(3):
        dovecot.deliver(mail_user, factories.raw(f"Offer <{number}>"))
    folder = factories.folder(title="Offers")
    return factories.account(folder, dovecot.endpoint(mail_user), message_limit=2)


def address_of(account: MailAccount) -> str:
    return reverse("mailarchive_dry_run", args=[account.pk])


def test_it_lists_what_the_next_fetch_would_do(boss: Client, account: MailAccount) -> None:
    WorkerHeartbeat.beat()
    address = address_of(account)
    assert "Look now" in boss.get(address).content.decode()
    assert boss.post(address).headers["Location"] == address
    assert "The server is being asked." in boss.get(address).content.decode()
    assert boss.get(address, headers=JSON).json()["poll"] == address
    run_trial(Trial.objects.get(kind=TrialKind.DRY_RUN).pk)
    answer = boss.get(address, headers=JSON).json()
    assert answer["poll"] == ""
    html = boss.get(address).content.decode()
    assert answer["html"].strip() in html
    for told in (
        "Offer &lt;0&gt;",
        "Offer &lt;1&gt;",
        "Ada Lovelace",
        "INBOX",
        "would be archived",
    ):
        assert told in html
    assert "waits for a later fetch" in html
    assert not EmailMessagePage.objects.exists()
    assert not Mailbox.objects.exists()


def test_a_second_click_waits_for_the_first(boss: Client, account: MailAccount) -> None:
    boss.post(address_of(account))
    boss.post(address_of(account))
    assert Trial.objects.count() == 1
    assert "no worker is running" in boss.get(address_of(account)).content.decode()


def test_why_it_failed_is_said(boss: Client, account: MailAccount) -> None:
    account.set_secret("wrong")
    account.save()
    boss.post(address_of(account))
    run_trial(Trial.objects.get().pk)
    html = boss.get(address_of(account)).content.decode()
    assert "rejected the user name or password" in html
