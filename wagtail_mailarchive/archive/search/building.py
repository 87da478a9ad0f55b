"""The index made anew, batch by batch, while readers search on in the one there is.

SQLite: a second table is filled beside the first and takes its place at the end; until then
triggers keep of it what is already there up to date. PostgreSQL: each row's vector is made again
where it stands; until all are, questions are asked in both languages. Either way what is done is
committed with how far it came, so that whoever is stopped goes on there.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import connection

from ...models import MessageText, SearchIndex
from ..transactions import commit
from . import schema
from .filling import fill

_BATCH = 200
_NEXT = f"{schema.TABLE}_next"
_STATE = SearchIndex._meta.db_table

Progress = Callable[[int, int], None]


def rebuild(
    language: str, *, restart: bool = False, progress: Progress = lambda done, total: None
) -> int:
    """Make the index anew in `language`; return how many messages it holds.

    Args:
        language: see `ArchiveSettings.SEARCH_LANGUAGE`.
        restart: whether to begin at the beginning although a rebuild was stopped half-way.
        progress: called behind each batch with the messages done and their number.

    Raises:
        DatabaseError: what was done stays, and is gone on from.
    """
    commit(lambda: _begin(language, restart))
    while (state := commit(_go_on)) is not None:
        progress(state.done, max(state.total, state.done))
    return SearchIndex.objects.get(pk=1).done


def _begin(language: str, restart: bool) -> None:
    state = _locked()
    if state.building == language and not restart:
        return
    if connection.vendor == "sqlite":
        # Beyond `position` copying is still to come; what a trigger added there would be twice.
        reached = f"{{row}}.id <= (SELECT position FROM {_STATE} WHERE id = 1)"  # noqa: S608
        schema.execute(
            connection,
            *schema.sqlite_forget(_NEXT),
            *schema.sqlite_table(_NEXT, language),
            *schema.sqlite_triggers(_NEXT, reached),
        )
    state.building, state.position, state.done = language, None, 0
    state.total = MessageText.objects.count()
    state.save()


def _go_on() -> SearchIndex | None:
    """Do one batch, or what is to do behind the last; return None after that."""
    state = _locked()
    if not state.building:
        return None
    keys = fill(after=state.position, most=_BATCH)
    if not keys:
        if connection.vendor == "sqlite":
            _take_place()
        state.language, state.building, state.position = state.building, "", None
        state.save()
        return None
    first, last = keys[0], keys[-1]
    if connection.vendor == "sqlite":
        schema.execute(connection, schema.sqlite_copy(_NEXT, first, last))
    else:
        schema.execute(connection, schema.postgresql_refresh(first, last))
    state.position = last
    state.done += len(keys)
    state.save()
    return state


def _take_place() -> None:
    schema.execute(
        connection,
        *schema.sqlite_forget(schema.TABLE),
        *schema.sqlite_forget_triggers(_NEXT),
        f"ALTER TABLE {_NEXT} RENAME TO {schema.TABLE}",
        *schema.sqlite_triggers(schema.TABLE),
    )


def _locked() -> SearchIndex:
    SearchIndex.objects.get_or_create(pk=1)
    return SearchIndex.objects.select_for_update().get(pk=1)
