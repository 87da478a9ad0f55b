"""A sample of everything: all things of a kind are equally likely to be in it.

The same seed draws the same ones, so that a sample that was interrupted goes on.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from django.db.models import BigIntegerField, Model, QuerySet
from django.db.models.functions import Cast

from ..models import ChainEntry, EmailMessagePage, Original
from .verify import Batch, Step, check_links, check_messages, check_originals

_SAMPLED: dict[Step, type[Model]] = {
    Step.ORIGINALS: Original,
    Step.LINKS: ChainEntry,
    Step.MESSAGES: EmailMessagePage,
}
# How many kinds of things a sample is of.
KINDS = len(_SAMPLED)

_TOGETHER = 100
_PRIME = (1 << 31) - 1


def sample(step: Step, number: int, seed: int, after: int) -> Iterator[Batch]:
    """Check up to `number` originals, links of chains or messages, chosen at random.

    Args:
        after: go on after so many of them: the `last` of a batch.

    Raises:
        StorageError: a store does not answer.
    """
    if step not in _SAMPLED:
        return
    keys = _drawn(_SAMPLED[step]._default_manager.all(), number, seed)
    while chosen := keys[after : after + _TOGETHER]:
        batch = _checked(step, chosen, after)
        # Of large originals fewer may have been read than were chosen.
        after = batch.last = batch.last or after + len(chosen)
        yield batch


def _checked(step: Step, keys: list[int], after: int) -> Batch:
    if step is Step.LINKS:
        return check_links(list(ChainEntry.objects.filter(pk__in=keys)))
    if step is Step.MESSAGES:
        return check_messages(keys)
    kept = Original.objects.in_bulk(keys)
    places = enumerate(keys, after + 1)
    return check_originals([(place, kept[key]) for place, key in places if key in kept])


def _drawn(rows: QuerySet[Model], number: int, seed: int) -> list[int]:
    """Return the keys of up to `number` of `rows`."""
    draw = random.Random(seed)  # noqa: S311 (no secret)
    # Any two rows meet as if by chance: a line through a prime field, which any database draws.
    factor, offset = draw.randrange(1, _PRIME), draw.randrange(_PRIME)
    place = (Cast("pk", BigIntegerField()) % _PRIME * factor + offset) % _PRIME
    return list(rows.order_by(place, "pk").values_list("pk", flat=True)[:number])
