"""DKIM signatures of archived mail, checked once, with the key that they were checked with kept.

A signature proves who answered for a message only as long as its key is published, which is some
months mostly. So it is checked soon after the mail has come, and what was found stays.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from ..exceptions import MessageError, OriginalDamaged
from ..mime import limits
from ..mime.details import Trait
from ..mime.dkim.process import DkimProcess, item
from ..mime.dkim.signatures import Signature, read_signatures
from ..mime.message import storable
from ..models import DkimSignature, DkimVerdict, EmailMessagePage, Original
from . import originals, rows
from .dkim_keys import LookUp, NoAnswer

# A signature is over the whole message, which has to be in memory for it.
MAX_SIZE = 50 * 1024 * 1024
# RFC 6376 section 3.6.1: an empty p= means that the key was withdrawn.
_WITHDRAWN = re.compile(r"(?:^|;)\s*p\s*=\s*(?:;|$)")

_COLUMNS = ("original_id", "position", "domain", "selector", "verdict", "key", "checked_at")


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found out about one signature."""

    original_id: int
    position: int
    signature: Signature
    verdict: DkimVerdict
    key: str
    at: datetime

    @property
    def is_problem(self) -> bool:
        return self.verdict in (DkimVerdict.NO_ANSWER, DkimVerdict.UNCHECKED)


def to_check(message_ids: Sequence[int]) -> QuerySet[EmailMessagePage]:
    """Return those of messages that are signed and not checked, or got no answer, with originals.

    Only those whose key could not be asked for are checked again: what was found stays true.
    """
    known = DkimSignature.objects.exclude(verdict=DkimVerdict.NO_ANSWER).values("original_id")
    unanswered = DkimSignature.objects.filter(verdict=DkimVerdict.NO_ANSWER).values("original_id")
    messages: QuerySet[EmailMessagePage] = EmailMessagePage.objects.filter(pk__in=message_ids)
    unchecked = messages.filter(~Q(original__in=known) | Q(original__in=unanswered))
    return (
        unchecked.select_related("original").only("details", "structure", "original").order_by("pk")
    )


def check(
    messages: Iterable[EmailMessagePage], process: DkimProcess, look_up: LookUp, *, seconds: float
) -> tuple[list[Checked], int | None]:
    """Check the signatures of messages in their order until `seconds` have passed, at least one's.

    The database is not written to.

    Returns:
        What was found out, and the key of the message after which time was up; None if all are
        checked.

    Raises:
        StorageError: originals cannot be read at the moment.
        ParserUnavailable: no process can be started.
    """
    end = time.monotonic() + seconds
    found: dict[int, list[Checked]] = {}
    last = None
    for message in messages:
        is_signed = Trait.DKIM_SIGNED in message.details.get("traits", [])
        if is_signed and message.original_id not in found:
            try:
                found[message.original_id] = _check(message, process, look_up)
            except OriginalDamaged:
                # The checks of integrity tell of it.
                found[message.original_id] = []
        if time.monotonic() > end:
            last = message.pk
            break
    return [each for some in found.values() for each in some], last


def numbers() -> dict[DkimVerdict, int]:
    """Return how many signatures there are of each verdict."""
    counted = DkimSignature.objects.order_by().values_list("verdict").annotate(Count("pk"))
    return {DkimVerdict(verdict): number for verdict, number in counted}


def write(found: Sequence[Checked]) -> None:
    """Keep what was found, in the present transaction."""
    rows.insert(
        DkimSignature,
        _COLUMNS,
        [
            (
                each.original_id,
                each.position,
                each.signature.domain,
                each.signature.selector,
                each.verdict.value,
                each.key,
                each.at,
            )
            for each in sorted(found, key=lambda each: (each.original_id, each.position))
        ],
        unique=("original_id", "position"),
        update=("domain", "selector", "verdict", "key", "checked_at"),
    )


def _check(message: EmailMessagePage, process: DkimProcess, look_up: LookUp) -> list[Checked]:
    original = message.original
    length = min(message.structure["header_length"], limits.HEADER_BLOCK_BYTES)
    signatures = read_signatures(originals.read(original, 0, length))
    now = timezone.now()
    verdicts: dict[int, DkimVerdict] = {}
    keys: dict[str, str] = {}
    for position, signature in enumerate(signatures):
        verdict = _before_verifying(signature, original, now, look_up, keys)
        if verdict is not None:
            verdicts[position] = verdict
    if len(verdicts) < len(signatures):
        results = _verified(original, process, keys)
        for position, signature in enumerate(signatures):
            if position not in verdicts:
                verdicts[position] = _verdict(signature, position, results)
    return [
        Checked(
            original.pk,
            position,
            signature,
            verdicts[position],
            keys.get(signature.key_name, ""),
            now,
        )
        for position, signature in enumerate(signatures)
    ]


def _before_verifying(
    signature: Signature,
    original: Original,
    now: datetime,
    look_up: LookUp,
    keys: dict[str, str],
) -> DkimVerdict | None:
    """Return what is clear without looking at the message; note the key that was found."""
    if not signature.key_name:
        return DkimVerdict.UNREADABLE
    try:
        key = look_up(signature.key_name)
    except NoAnswer:
        return DkimVerdict.NO_ANSWER
    if key is None or _WITHDRAWN.search(key):
        return DkimVerdict.NO_KEY
    keys[signature.key_name] = storable(key)
    if signature.expires is not None and signature.expires < now.timestamp():
        return DkimVerdict.EXPIRED
    return DkimVerdict.UNCHECKED if original.size > MAX_SIZE else None


def _verified(original: Original, process: DkimProcess, keys: dict[str, str]) -> list[str] | None:
    """Return what the limited process says of each signature; None if it came to no end."""
    (result,) = process.run([item(list(originals.stream(original)), keys)])
    return None if isinstance(result, MessageError) else result


def _verdict(signature: Signature, position: int, results: list[str] | None) -> DkimVerdict:
    if results is None:
        return DkimVerdict.UNCHECKED
    result = results[position] if position < len(results) else "unreadable"
    if result == "pass":
        return DkimVerdict.PARTIAL if signature.is_partial else DkimVerdict.PASS
    return DkimVerdict.FAIL if result == "fail" else DkimVerdict.UNREADABLE
