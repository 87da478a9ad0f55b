"""Sealing every stored secret anew with the first of the site's keys, so that old ones can go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryptography.fernet import InvalidToken
from django.db import models
from django.utils.translation import gettext_noop

from .account import MailAccount
from .grant import OAuthGrant
from .secret import reseal

BATCH = 200  # rows read at a time


class Turn(StrEnum):
    """What became of one stored secret."""

    RESEALED = "resealed"
    CURRENT = "current"  # the first key sealed it already
    CHANGED = "changed"  # somebody entered or renewed it meanwhile, with the first key
    UNREADABLE = "unreadable"  # no key of the site opens it


@dataclass(frozen=True, slots=True)
class Turned:
    """One stored secret.

    Attributes:
        what: its kind, untranslated.
    """

    account_id: int
    account_name: str
    what: str
    turn: Turn


# Model, its column, the way from there to the account's name, what the column holds.
_SEALED: tuple[tuple[type[models.Model], str, str, str], ...] = (
    (MailAccount, "sealed_secret", "name", gettext_noop("password")),
    (OAuthGrant, "sealed_refresh_token", "account__name", gettext_noop("refresh token")),
    (OAuthGrant, "sealed_access_token", "account__name", gettext_noop("access token")),
)


def rotate(*, dry_run: bool = False) -> Iterator[Turned]:
    """Seal each stored secret with the first key; yield what became of each.

    Each row is written by itself, and only if it still holds what was read: to be ended at any
    time and called again, beside a running site.

    Args:
        dry_run: write nothing, yield the same.

    Raises:
        ConfigurationError: the site has no usable key.
    """
    for model, column, name, what in _SEALED:
        for pk, account_name, token in _rows(model._default_manager.all(), column, name):
            turn = _turn(model._default_manager.filter(pk=pk), column, token, dry_run=dry_run)
            yield Turned(pk, account_name, what, turn)


def _rows(objects: models.QuerySet[Any], column: str, name: str) -> Iterator[tuple[int, str, str]]:
    """Yield primary key, account's name and token of each row that holds one."""
    last = 0
    while True:
        held = objects.exclude(**{column: ""}).filter(pk__gt=last).order_by("pk")
        batch = list(held.values_list("pk", name, column)[:BATCH])
        if not batch:
            return
        yield from batch
        last = batch[-1][0]


def _turn(row: models.QuerySet[Any], column: str, token: str, *, dry_run: bool) -> Turn:
    try:
        renewed = reseal(token)
    except InvalidToken:
        return Turn.UNREADABLE
    if renewed is None:
        return Turn.CURRENT
    if not dry_run and not row.filter(**{column: token}).update(**{column: renewed}):
        return Turn.CHANGED
    return Turn.RESEALED
