"""What a reconciliation found: counted by kind, and told one by one as far as that helps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from ..archive.dates import showable
from ..exceptions import MailArchiveError

# Findings told one by one; of the others there are numbers only.
LISTED = 1_000
_MOST_MAILBOXES = 1_000


class Finding(models.TextChoices):
    """What a message is, where server and ledger are not simply the same."""

    NOT_HERE = "not_here", _("on the server, and not in the ledger")
    NOT_THERE = "not_there", _("in the ledger, and not on the server")
    OTHER = "other", _("another message under the same number")
    BACK = "back", _("on the server, although the ledger says that it went")
    RENUMBERED = "renumbered", _("mailbox whose messages have new numbers (UIDVALIDITY)")
    MISCOUNTED = "miscounted", _("mailbox of which the server lists other than it counts")
    NO_MAILBOX = "no_mailbox", _("mailbox that cannot be opened")
    NEW = "new", _("came since the last fetch")
    LEFT = "left", _("went since the last fetch")
    PENDING = "pending", _("is about to be removed by us, and still there")
    WAITING = "waiting", _("waits to be fetched")
    NOT_READ = "not_read", _("waits, because it could not be read")
    SIZE = "size", _("the server counts its size otherwise than it was read")


# What no fetch of the past should have left behind; the rest is as it may be.
DIFFERENCES = (
    *(Finding.NOT_HERE, Finding.NOT_THERE, Finding.OTHER, Finding.BACK),
    *(Finding.RENUMBERED, Finding.MISCOUNTED, Finding.NO_MAILBOX),
)


class Findings:
    """Collects what is found."""

    def __init__(self) -> None:
        self._counts: Counter[Finding] = Counter()
        self._differences: list[dict[str, Any]] = []
        self._others: list[dict[str, Any]] = []
        self._mailboxes: list[dict[str, Any]] = []

    @property
    def differences(self) -> int:
        return sum(self._counts[each] for each in DIFFERENCES)

    def note_mailbox(self, name: str, *, on_server: int, in_ledger: int) -> None:
        """Note how many messages server and ledger hold of a mailbox."""
        self._mailboxes.append({"name": name, "on_server": on_server, "in_ledger": in_ledger})

    def count(self, finding: Finding, number: int) -> None:
        """Count `number` that are not to be told one by one."""
        self._counts[finding] += number

    def note(
        self,
        finding: Finding,
        mailbox: str,
        *,
        uid: int | None = None,
        size: int | None = None,
        received_at: datetime | None = None,
        reason_code: str = "",
        reason_params: Mapping[str, Any] | None = None,
    ) -> None:
        """Count one, and tell of it unless there are too many.

        Args:
            uid: None where the whole mailbox is meant.
            reason_code, reason_params: an error of `exceptions`.
        """
        self._counts[finding] += 1
        listed = self._differences if finding in DIFFERENCES else self._others
        if len(listed) >= LISTED:
            return
        moment = showable(received_at)
        listed.append(
            {
                "finding": finding.value,
                "mailbox": mailbox,
                "uid": uid,
                "size": size,
                "date": moment.isoformat() if moment else None,
                "reason_code": reason_code,
                "reason_params": dict(reason_params or {}),
            }
        )

    def result(self, error: MailArchiveError | None, *, compared: int) -> dict[str, Any]:
        """Return what was found, ready for JSON; `reconciliation.reconcile` says what is in it."""
        findings = (self._differences + self._others)[:LISTED]
        return {
            "error": {"code": error.code, "params": error.params} if error else None,
            "is_complete": error is None,
            "counts": {each.value: self._counts[each] for each in Finding},
            "differences": self.differences,
            "findings": findings,
            "truncated": self._counts.total() > len(findings),
            "compared": compared,
            "mailboxes": self._mailboxes[:_MOST_MAILBOXES],
        }


def nothing_compared(error: MailArchiveError) -> dict[str, Any]:
    """Return the result of a reconciliation that `error` kept from beginning or ending."""
    return {**Findings().result(error, compared=0), "counts": {}}
