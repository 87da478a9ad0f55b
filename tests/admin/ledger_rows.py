"""A ledger for tests of its screens: an account, a mailbox, and entries of every kind."""

from __future__ import annotations

import itertools
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from wagtail_mailarchive.models import (
    Envelope,
    LedgerEntry,
    MailAccount,
    Mailbox,
    Outcome,
    Presence,
)
from wagtail_mailarchive.models.reference import message_id_digest

_uids = itertools.count(1)


def mailbox_of(account: MailAccount, name: str = "INBOX", **values: Any) -> Mailbox:
    found, _ = Mailbox.objects.update_or_create(
        account=account, name=name, defaults={"folder": account.folder, **values}
    )
    return found


def entry(mailbox: Mailbox, outcome: Outcome, **values: Any) -> LedgerEntry:
    given: dict[str, Any] = {"uidvalidity": 1, "uid": next(_uids), "decided_at": timezone.now()}
    return LedgerEntry.objects.create(mailbox=mailbox, outcome=outcome, **(given | values))


def enveloped(mailbox: Mailbox, outcome: Outcome, subject: str, **values: Any) -> LedgerEntry:
    """An entry without a page that says what it is."""
    made = entry(mailbox, outcome, **values)
    message_id = f"{subject.replace(' ', '-').lower()}@envelope.example"
    Envelope.objects.create(
        entry=made,
        subject=subject,
        sender="Grace Hopper grace@example.org",
        message_id=message_id,
        message_id_digest=message_id_digest(message_id),
        sent_at=timezone.now(),
    )
    return made


def one_of_each(mailbox: Mailbox) -> dict[str, LedgerEntry]:
    """An entry of every outcome, and one gone and one removed; the sum is right."""
    made = {outcome.value: entry(mailbox, outcome) for outcome in Outcome}
    made["gone"] = entry(mailbox, Outcome.ARCHIVED, presence=Presence.GONE)
    made["removed"] = entry(
        mailbox,
        Outcome.ARCHIVED,
        presence=Presence.REMOVED,
        treated="delete",
        treated_at=timezone.now(),
    )
    Mailbox.objects.filter(pk=mailbox.pk).update(exists=len(Outcome), listed_at=timezone.now())
    return made


def get(client: Client, name: str, **query: Any) -> Any:
    response = client.get(reverse(name), query)
    assert response.status_code == 200
    return response


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())
