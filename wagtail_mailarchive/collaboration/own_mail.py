"""Knowing our own mails again, should an account archive them.

An account may archive the mailbox of somebody who follows its folder. Mails of ours, and what
answers them (notes of absence, bounces that refer to them), are archived as all mail is, but nobody
is told of them, or each would cause the next.

Our List-Id and Message-IDs hold a mark that only this site can make.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.mail.utils import DNS_NAME
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.crypto import salted_hmac

from ..models import EmailMessagePage

_LENGTH = 20  # hexadecimal digits; 80 bits


def list_id(name: str) -> str:
    """Return the List-Id (RFC 2919) of what is followed; `name` is one label."""
    return f"<{name}.{_marks()[0]}.{_host()}>"


def message_id(name: str) -> str:
    """Return the Message-ID (RFC 5322, section 3.6.4) of one mail."""
    return f"<{name}.{_marks()[0]}@{_host()}>"


def without_own(messages: QuerySet[EmailMessagePage]) -> QuerySet[EmailMessagePage]:
    """Return `messages` without our own and those that answer our own."""
    ours = Q()
    for mark in _marks():
        for field in ("list_id", "message_id", "answered", "referred_to"):
            ours |= Q(**{f"{field}__contains": f".{mark}"})
    others: QuerySet[EmailMessagePage] = messages.alias(
        answered=Cast("in_reply_to", TextField()), referred_to=Cast("references", TextField())
    ).exclude(ours)
    return others


def _marks() -> list[str]:
    """Return our mark, and those we made before the site's key was changed."""
    keys: list[Any] = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    salt = "wagtail_mailarchive.collaboration.own_mail"
    return [
        salted_hmac(salt, "mark", secret=key, algorithm="sha256").hexdigest()[:_LENGTH]
        for key in keys
    ]


def _host() -> str:
    return str(DNS_NAME)
