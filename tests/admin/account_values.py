"""The form of a mail account as a browser sends it."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from wagtail_mailarchive.admin.account_fields import connection_of
from wagtail_mailarchive.models import EmailFolderPage, MailAccount
from wagtail_mailarchive.models.account import Protocol
from wagtail_mailarchive.sources.base import Endpoint

SECRET = "correct horse battery staple"


def form(into: EmailFolderPage, **values: Any) -> dict[str, Any]:
    return {
        "folder": into.pk,
        "name": "Sales inbox",
        "description": "",
        "email": "sales@example.org",
        "preset": "",
        "connection": "imaps",
        "host": "imap.example.org",
        "port": "993",
        "username": "sales",
        "sign_in": "password",
        "secret": SECRET,
        "tls_minimum": "1.2",
        "ca_certificate": "",
        "tested": "",
        "mailbox_choice": "named",
        "mailboxes": "INBOX\nArchive/2024\n\nINBOX",
        "selection": "everything",
        "since": "",
        "message_limit": "",
        "interval": "",
        "enabled": "on",
        **values,
    }


def reaching(endpoint: Endpoint, protocol: Protocol = Protocol.IMAP) -> dict[str, Any]:
    """What to type to reach `endpoint`, secret included."""
    return {
        "connection": connection_of(protocol, endpoint.security),
        "host": endpoint.host,
        "port": str(endpoint.port),
        "username": endpoint.username,
        "secret": endpoint.secret,
        "ca_certificate": endpoint.ca_certificate.replace("\n", "\r\n"),
        "mailboxes": "INBOX",
    }


def add(client: Client, into: EmailFolderPage, **values: Any) -> Any:
    return client.post(reverse("mailarchive_accounts:add"), form(into, **values))


def edit(client: Client, account: MailAccount, **values: Any) -> Any:
    address = reverse("mailarchive_accounts:edit", args=[account.pk])
    return client.post(address, form(account.folder, **values))


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    found: dict[str, list[str]] = response.context["form"].errors
    return found
