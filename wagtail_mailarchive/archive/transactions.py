"""How a batch gets into the database: whole, or in halves around what the database refuses.

A deadlock is tried again. What the database refuses for its data is looked for by halving, so
that one message never stops its neighbours.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import DatabaseError, transaction

from .database_errors import DATA_ERRORS, refused_for_data, worth_retrying

_ATTEMPTS = 5

T = TypeVar("T")


def commit(work: Callable[[], T]) -> T:
    """Return what `work` does in one transaction; once this returns, it is committed.

    Raises:
        DatabaseError: nothing was committed.
    """
    for attempt in range(1, _ATTEMPTS):
        try:
            with transaction.atomic(durable=True):
                return work()
        except DatabaseError as error:
            if not worth_retrying(error):
                raise
        time.sleep(random.uniform(0.05, 0.2) * attempt)  # noqa: S311 (no secret)
    with transaction.atomic(durable=True):
        return work()


def in_halves(
    batch: Sequence[T],
    write: Callable[[Sequence[T]], None],
    refused: Callable[[T], None],
) -> None:
    """Have `write` commit `batch`; call `refused` for what the database refuses for its data.

    Raises:
        Exception: of `write` or `refused`, where data is not to blame; what was committed before
            stays.
    """
    if not batch:
        return
    try:
        write(batch)
    except (DatabaseError, *DATA_ERRORS) as error:
        if not refused_for_data(error):
            raise
        if len(batch) == 1:
            refused(batch[0])
            return
        middle = len(batch) // 2
        in_halves(batch[:middle], write, refused)
        in_halves(batch[middle:], write, refused)
