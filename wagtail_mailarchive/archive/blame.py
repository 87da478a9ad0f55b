"""Whether an original is to blame that could not be read back, or the store that holds it.

A volume that is not mounted looks like one from which every file was deleted. So nothing is said
of an original unless its store gives others.
"""

from __future__ import annotations

from itertools import chain

from ..exceptions import (
    MailArchiveError,
    OriginalDamaged,
    OriginalMissing,
    OriginalUnreadable,
    StorageError,
)
from ..models import Original
from . import originals

# Of those stored before and after it: a volume mounted late holds the newer ones only. Several,
# because they may be gone as well.
_WITNESSES = 2


def error_of(original: Original, error: StorageError) -> MailArchiveError:
    """Return what is wrong with an original that gave `error` when it was read.

    Raises:
        StorageError: `error`, where the store gives no other original either.
    """
    if isinstance(error, OriginalDamaged):
        # The store did answer; a database, of which nothing is left, answers so as well.
        is_stored = originals.is_stored(original)
        return error if is_stored else OriginalMissing(sha256=original.sha256)
    if not any(_can_be_read(other) for other in _witnesses(original)):
        raise error
    try:
        is_stored = originals.is_stored(original)
    except StorageError:
        # Its folder cannot be looked into: it may well be there.
        is_stored = True
    kind = OriginalUnreadable if is_stored else OriginalMissing
    return kind(sha256=original.sha256)


def _witnesses(original: Original) -> list[Original]:
    # Of an empty one nothing would be read.
    others = Original.objects.filter(store=original.store, size__gt=0)
    before = others.filter(pk__lt=original.pk).order_by("-pk")[:_WITNESSES]
    after = others.filter(pk__gt=original.pk).order_by("pk")[:_WITNESSES]
    return list(chain(before, after))


def _can_be_read(original: Original) -> bool:
    try:
        originals.read(original, 0, 1)
    except StorageError:
        return False
    return True
