"""What is in attachments: noted as waiting with the message, read later, forgotten with the last.

One row stands for all attachments of one SHA-256, so that a file that was sent a thousand times is
read once.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet

from ..exceptions import OriginalDamaged
from ..mime.contents import VERSION, limits, pdf
from ..mime.contents.content import Content, State
from ..mime.contents.process import Asked, ContentProcess
from ..models import Attachment, AttachmentContent, ContentState
from . import attached_text, originals, rows
from .bulk_deletion import delete_rows

# What is noted of an attachment that nobody can do anything about; the rest are problems.
PROBLEMS = (ContentState.FAILED, ContentState.TOO_SLOW, ContentState.MISSING)

_NEW = ("sha256", "state", "text", "picture", "width", "height", "read_by")
_READ = ("id", "text", "picture", "width", "height", "read_by")


def await_reading(hashes: Iterable[str]) -> None:
    """Note contents that are new here as waiting, in the present transaction.

    In order of SHA-256, so that two writers cannot wait for each other.
    """
    waiting = ContentState.WAITING.value
    new = [(sha256, waiting, "", b"", 0, 0, 0) for sha256 in sorted(set(hashes))]
    rows.insert(AttachmentContent, _NEW, new, unique=("sha256",))


def forget_unused(hashes: Collection[str]) -> None:
    """Delete of these contents those that no attachment has any more."""
    if not hashes:
        return
    attached = Attachment.objects.filter(sha256=OuterRef("sha256"))
    unused = AttachmentContent._base_manager.filter(~Exists(attached), sha256__in=list(hashes))
    delete_rows(unused)


def to_read(*, is_complete: bool = False) -> QuerySet[AttachmentContent]:
    """Return the contents that wait to be read, also for an extra that is there by now; or all."""
    contents = AttachmentContent.objects.order_by("pk")
    if is_complete:
        return contents
    if pdf.is_available():
        return contents.filter(state__in=[ContentState.WAITING, ContentState.LACKING])
    return contents.filter(state=ContentState.WAITING)


def numbers() -> dict[ContentState, int]:
    """Return how many contents there are of each state."""
    counted = AttachmentContent.objects.order_by().values_list("state").annotate(Count("pk"))
    return {ContentState(state): number for state, number in counted}


@dataclass(frozen=True, slots=True)
class Found:
    """What is in the content of key `pk`.

    Attributes:
        state: None if nothing has it attached any more.
        had_text: whether an earlier reading found text.
    """

    pk: int
    sha256: str
    state: ContentState | None
    content: Content = field(repr=False)
    had_text: bool = False

    @property
    def changes_text(self) -> bool:
        return bool(self.content.text) or self.had_text

    @property
    def is_problem(self) -> bool:
        return self.state in PROBLEMS


def read(
    contents: Sequence[AttachmentContent], process: ContentProcess, *, seconds: float
) -> list[Found]:
    """Read contents in their order until `seconds` have passed, at least one.

    One at a time, so that only one attachment is held; the database is not written to.

    Raises:
        StorageError: originals cannot be read at the moment.
        ParserUnavailable: no process can be started.
    """
    end = time.monotonic() + seconds
    found = []
    for each in contents:
        found.append(_read(each, process))
        if time.monotonic() > end:
            break
    return found


def keep(
    found: Sequence[Found], *, fence: Callable[[], None] = lambda: None, done: Callable[[], None]
) -> None:
    """Keep what was found and have messages found by it, in some transactions.

    Args:
        fence: the first statement of each but the last; may raise to prevent the commit.
        done: the first statement of the last, after which nothing of it is to be done again.
    """
    kept = [each for each in found if each.state is not None]
    with transaction.atomic():
        fence()
        rows.update(AttachmentContent, _READ, [_row(each) for each in kept])
    indexed = {each.sha256: _index(each.sha256, fence) for each in kept if each.changes_text}
    with transaction.atomic():
        done()
        forget_unused([each.sha256 for each in found if each.state is None])
        # In the order of all who hold them, so that none waits for another.
        ours = AttachmentContent.objects.filter(pk__in=[each.pk for each in kept])
        list(ours.order_by("sha256").select_for_update().values_list("pk"))
        for state, group in _by_state(kept).items():
            AttachmentContent.objects.filter(pk__in=group).update(state=state)
        # What came while the rest was indexed; whoever comes from now on finds the text itself.
        for sha256, last in indexed.items():
            while messages := attached_text.having(sha256, after=last):
                attached_text.index(messages)
                last = messages[-1]


def _index(sha256: str, fence: Callable[[], None]) -> int:
    """Index the messages that have a content, some at a time; return the last one's key."""
    last = 0
    while len(messages := attached_text.having(sha256, after=last)) == attached_text.TOGETHER:
        with transaction.atomic():
            fence()
            attached_text.index(messages)
        last = messages[-1]
    return last


def _by_state(found: Sequence[Found]) -> dict[ContentState, list[int]]:
    states: defaultdict[ContentState, list[int]] = defaultdict(list)
    for each in found:
        if each.state is not None:
            states[each.state].append(each.pk)
    return states


def _read(content: AttachmentContent, process: ContentProcess) -> Found:
    attached = (
        Attachment.objects.filter(sha256=content.sha256)
        .select_related("message__original")
        .only("start", "length", "encoding", "content_type", "filename", "message__original")
        .order_by("pk")
        .first()
    )
    nothing = Content(State.FAILED)
    if attached is None:
        return Found(content.pk, content.sha256, None, nothing)
    if attached.length > limits.ENCODED_BYTES:
        return Found(content.pk, content.sha256, ContentState.TOO_LARGE, nothing)
    try:
        encoded = originals.read(attached.message.original, attached.start, attached.length)
    except OriginalDamaged:
        # The checks of integrity tell of it; its neighbours can be read.
        return Found(content.pk, content.sha256, ContentState.MISSING, nothing)
    asked = Asked(encoded, attached.encoding, attached.content_type, attached.filename)
    [told] = process.read([asked])
    if told.has_pages:
        [drawn] = process.read([Asked(encoded, attached.encoding, first_page=True)])
        told = Content(told.state, told.text, drawn.picture)
    state = ContentState(told.state.value)
    return Found(content.pk, content.sha256, state, told, had_text=content.read_by > 0)


def _row(found: Found) -> rows.Row:
    picture = found.content.picture
    return (
        found.pk,
        found.content.text,
        picture.data if picture else b"",
        picture.width if picture else 0,
        picture.height if picture else 0,
        VERSION,
    )
