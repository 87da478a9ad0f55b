"""Reading stored originals again: what could not be read becomes a page where it now can be.

Nothing is fetched, and no original is touched. `reprocessing` does the same to messages that are
pages already.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import TypeVar

from django.utils import timezone

from ..exceptions import (
    DatabaseRefusedMessage,
    MailArchiveError,
    OriginalDamaged,
    StorageError,
)
from ..mime.message import ParsedMessage
from ..mime.process import ParserProcess
from ..models import Envelope, LedgerEntry, Original, Outcome
from . import blame, chain, facets, messages, originals, pages, problems, rows
from .bulk_deletion import delete_rows
from .chain import Arrival
from .exclusion import Candidate, is_asked, objection
from .messages import NewMessage
from .problems import Found
from .transactions import commit, in_halves

T = TypeVar("T")

# Originals held in memory at once; a single one may be larger.
_BYTES_TOGETHER = 32 * 1024 * 1024
_TOGETHER = 200

_DECIDED = ("id", "outcome", "message_id", "decided_at", "reason_code", "reason_params")
_REASON = ("id", "reason_code", "reason_params")


@dataclass(slots=True)
class RetryResult:
    """What became of quarantined messages.

    Attributes:
        duplicates: the folder holds them already.
        still: in quarantine, perhaps for another reason now.
    """

    archived: int = 0
    duplicates: int = 0
    still: int = 0


@dataclass(frozen=True, slots=True)
class _Read:
    entry: LedgerEntry
    original: Original
    result: ParsedMessage | MailArchiveError = field(repr=False)


def retry_entries(
    entry_ids: Sequence[int],
    *,
    parser: ParserProcess | None = None,
    fence: Callable[[], None] = lambda: None,
) -> RetryResult:
    """Read those of the ledger's entries again that are in quarantine; commit batch by batch.

    Args:
        parser: one to use; else one is started.
        fence: the first statement of each transaction; may raise to prevent the commit.

    Raises:
        ParserUnavailable, StorageError, FolderFull, DatabaseError: what was committed stays.
    """
    waiting = LedgerEntry.objects.filter(
        pk__in=entry_ids, outcome=Outcome.QUARANTINED, original__isnull=False
    )
    entries = waiting.select_related("original", "mailbox__account").order_by(
        "mailbox__folder_id", "pk"
    )
    pairs = [(each, each.original) for each in entries if each.original is not None]
    total: Counter[Outcome] = Counter()
    with ExitStack() as stack:
        parser = parser or stack.enter_context(ParserProcess())
        for portion in portions(pairs, lambda pair: pair[1]):
            results = parse_again([original for _, original in portion], parser)
            read = [_asked(*pair, result) for pair, result in zip(portion, results, strict=True)]
            for folder_id, group in groupby(read, lambda each: each.entry.mailbox.folder_id):
                total += _write_folder(folder_id, list(group), fence)
    return RetryResult(
        total[Outcome.ARCHIVED], total[Outcome.DUPLICATE], total[Outcome.QUARANTINED]
    )


def portions(items: Iterable[T], original_of: Callable[[T], Original]) -> Iterator[Sequence[T]]:
    """Yield `items` in order, as many at once as may be in memory together."""
    portion: list[T] = []
    size = 0
    for each in items:
        length = original_of(each).size
        if portion and (size + length > _BYTES_TOGETHER or len(portion) == _TOGETHER):
            yield portion
            portion, size = [], 0
        portion.append(each)
        size += length
    if portion:
        yield portion


def parse_again(
    stored: Sequence[Original], parser: ParserProcess
) -> list[ParsedMessage | MailArchiveError]:
    """Return for each original what it says, or why not; those that are lost are noted.

    Raises:
        ParserUnavailable, StorageError: no message is to blame.
    """
    whole: list[Sequence[bytes]] = []
    lost: dict[int, MailArchiveError] = {}
    for position, original in enumerate(stored):
        try:
            whole.append(_read_back(original))
        except StorageError as error:
            lost[position] = blame.error_of(original, error)
    problems.note(
        Found(f"original {stored[position].sha256}", None, error)
        for position, error in lost.items()
    )
    parsed = iter(list(parser.parse_many(whole)))
    return [lost.get(position) or next(parsed) for position in range(len(stored))]


def _read_back(original: Original) -> Sequence[bytes]:
    """Return the bytes of `original`, in pieces, if they are what was archived."""
    pieces = list(originals.stream(original))
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    if digest.hexdigest() != original.sha256:
        raise OriginalDamaged(sha256=original.sha256, store=original.store)
    return pieces


def _asked(
    entry: LedgerEntry, original: Original, result: ParsedMessage | MailArchiveError
) -> _Read:
    """Return what was read, or what the site's own code has against its becoming a page."""
    mailbox = entry.mailbox
    if isinstance(result, ParsedMessage) and is_asked():
        candidate = Candidate(
            mailbox.account, mailbox.folder_id, original.sha256, original.size, result
        )
        result = objection(candidate) or result
    return _Read(entry, original, result)


# -- quarantine ------------------------------------------------------------------------------


def _write_folder(
    folder_id: int, read: Sequence[_Read], fence: Callable[[], None]
) -> Counter[Outcome]:
    total: Counter[Outcome] = Counter()

    def write(some: Sequence[_Read]) -> None:
        total.update(commit(lambda: _write(folder_id, some, fence)))

    def refused(one: _Read) -> None:
        write([_Read(one.entry, one.original, DatabaseRefusedMessage())])

    in_halves(read, write, refused)
    return total


def _write(folder_id: int, read: Sequence[_Read], fence: Callable[[], None]) -> Counter[Outcome]:
    fence()
    parent = pages.lock_folder(folder_id)
    # Somebody else may have been faster.
    waiting = set(
        LedgerEntry.objects.filter(
            pk__in=[each.entry.pk for each in read], outcome=Outcome.QUARANTINED
        ).values_list("pk", flat=True)
    )
    read = [each for each in read if each.entry.pk in waiting]
    readable = [each for each in read if isinstance(each.result, ParsedMessage)]
    envelopes = Envelope.objects.filter(entry__in=[each.entry.pk for each in readable])
    threads = dict(envelopes.values_list("entry", "source_thread"))
    held = messages.of_originals(folder_id, [each.original.pk for each in readable])
    new: dict[int, NewMessage] = {}
    outcomes: dict[int, Outcome] = {}
    for each in readable:
        original = each.original
        is_held = original.pk in held or original.pk in new
        outcomes[each.entry.pk] = Outcome.DUPLICATE if is_held else Outcome.ARCHIVED
        if not is_held and isinstance(each.result, ParsedMessage):
            new[original.pk] = NewMessage(
                original.pk,
                original.sha256,
                original.size,
                each.entry.received_at,
                each.result,
                threads.get(each.entry.pk),
            )
    now = timezone.now()
    held |= messages.insert(parent, list(new.values()), now)
    _note_accounts(folder_id, readable, held)
    _chain(folder_id, [each for each in readable if each.original.pk in new], now)
    rows.update(
        LedgerEntry,
        _DECIDED,
        [
            (each.entry.pk, outcomes[each.entry.pk], held[each.original.pk], now, "", {})
            for each in readable
        ],
    )
    delete_rows(Envelope._base_manager.filter(entry__in=[each.entry.pk for each in readable]))
    still = [each for each in read if isinstance(each.result, MailArchiveError)]
    rows.update(
        LedgerEntry,
        _REASON,
        [
            (each.entry.pk, each.result.code, each.result.params)
            for each in still
            if isinstance(each.result, MailArchiveError)
        ],
    )
    return Counter(outcomes.values()) + Counter({Outcome.QUARANTINED: len(still)})


def _note_accounts(folder_id: int, read: Sequence[_Read], held: dict[int, int]) -> None:
    by_account: defaultdict[int, set[int]] = defaultdict(set)
    for each in read:
        if each.entry.mailbox.account_id is not None:
            by_account[each.entry.mailbox.account_id].add(held[each.original.pk])
    for account_id, message_ids in sorted(by_account.items()):
        facets.add_account(account_id, message_ids, folder_id)


def _chain(folder_id: int, read: Sequence[_Read], now: datetime) -> None:
    """Chain what came into the folder only now.

    Its arrival was chained when it was quarantined, unless the account was given another folder
    since.
    """
    lacking = chain.lacking(folder_id, [each.original.sha256 for each in read])
    chain.append(
        folder_id,
        [
            Arrival(each.original.sha256, each.entry.mailbox.name)
            for each in read
            if each.original.sha256 in lacking
        ],
        now,
    )
