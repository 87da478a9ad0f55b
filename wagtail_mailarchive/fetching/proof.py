"""The proof without which nothing is removed from a server.

For each message, in the session that removes it: the original is read back from its store and has
its SHA-256, and the whole body, fetched once more under the same UID, has the same. Its commit is
proven by that it can be read at all, in a transaction that is not the one that wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from ..archive import originals
from ..crossings import Crossing, cross
from ..exceptions import (
    MailArchiveError,
    OriginalDamaged,
    OriginalMissing,
    RemovalNotProven,
    SourceError,
    StorageError,
)
from ..models import LedgerEntry, Original
from ..sources.base import FetchedMessage, RemoteMessage, Source
from .batches import HUGE, LARGEST_WANTED, plan
from .identity import sha256_of
from .under_way import UnderWay


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of one batch.

    Attributes:
        proven: UIDs of messages that are here, byte for byte.
        failed: those that are not what is here, or are not well here, and why.
        withheld: those that the server lists and did not hand over now.
        error: what ended the connection while those were asked for; nothing comes after it.
    """

    proven: list[int] = field(default_factory=list)
    failed: dict[int, MailArchiveError] = field(default_factory=dict)
    withheld: list[int] = field(default_factory=list)
    error: SourceError | None = None


def prove(
    under_way: UnderWay, source: Source, entries: Sequence[LedgerEntry], *, in_pieces: bool
) -> Iterator[Proof]:
    """Yield the proofs of `entries` in batches bounded by bytes, a huge message alone.

    What the server does not have any more is in none of them; the next listing says so.

    Args:
        source: with the entries' mailbox open under the UIDVALIDITY of the entries.
        in_pieces: whether the only one of `entries` is asked for as a huge one is.

    Raises:
        StorageError: the store cannot be read.
        LeaseLost, Unwanted.
    """
    known = {entry.uid: entry for entry in entries}
    asked = sorted(known)
    try:
        described = under_way.ask(source, lambda: source.describe(sorted(known)))
        cross(Crossing.ASKED_AGAIN)
        for batch in plan(described):
            asked = [each.uid for each in batch]
            yield _prove(under_way, source, batch, known, in_pieces=in_pieces)
    except SourceError as error:
        yield Proof(withheld=asked, error=error)


def _prove(
    under_way: UnderWay,
    source: Source,
    batch: Sequence[RemoteMessage],
    known: dict[int, LedgerEntry],
    *,
    in_pieces: bool,
) -> Proof:
    proof = Proof()
    given = {each.uid: each for each in _fetch(under_way, source, batch, in_pieces=in_pieces)}
    cross(Crossing.ASKED_AGAIN)
    missing = [each.uid for each in batch if each.uid not in given]
    if missing:
        # Some may have gone a moment ago.
        still = under_way.ask(source, lambda: source.describe(missing))
        cross(Crossing.ASKED_AGAIN)
        proof.withheld.extend(each.uid for each in still)
    for uid, message in given.items():
        original = known[uid].original
        if original is None or sha256_of(message) != original.sha256:
            proof.failed[uid] = RemovalNotProven()
            continue
        try:
            _read_back(original)
        except (OriginalDamaged, OriginalMissing) as error:
            proof.failed[uid] = error
            continue
        proof.proven.append(uid)
    return proof


def _fetch(
    under_way: UnderWay, source: Source, batch: Sequence[RemoteMessage], *, in_pieces: bool
) -> list[FetchedMessage]:
    uids = [each.uid for each in batch]
    if batch[0].size < HUGE and not in_pieces:
        return under_way.ask(source, lambda: source.fetch(uids))
    if batch[0].size > LARGEST_WANTED:
        # Nothing of that size was archived.
        return []
    one = under_way.ask(source, lambda: source.fetch_large(uids[0]))
    return [] if one is None else [one]


def _read_back(original: Original) -> None:
    # Inside of another transaction, which may have written it and not committed yet, this raises.
    with transaction.atomic(durable=True):
        try:
            originals.verify(original)
        except OriginalDamaged:
            raise
        except StorageError:
            if originals.is_stored(original):
                raise
            # The store answers: it lacks this one only.
            raise OriginalMissing(sha256=original.sha256) from None
