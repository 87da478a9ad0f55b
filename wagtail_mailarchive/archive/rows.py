"""Many rows at once, as plain values.

`bulk_create` makes an object of each row and compiles it field by field. A message takes about
nine rows, and for them that costs twice what the database does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from django.db import connection, models
from django.db.models import Field, Model

Row = Sequence[Any]
_Adapt = Callable[[Any], Any]


def insert(
    model: type[Model],
    names: tuple[str, ...],
    rows: Sequence[Row],
    *,
    unique: tuple[str, ...] = (),
    update: tuple[str, ...] = (),
    add: tuple[str, ...] = (),
    highest: tuple[str, ...] = (),
    returning: tuple[str, ...] = (),
) -> list[Any]:
    """Insert `rows` into `model`'s own table, not into those of its parents.

    Nothing is filled in: no defaults, no `auto_now_add`; no signal is sent.

    Args:
        names: the columns by attribute name ("folder_id").
        rows: one value for each of `names`.
        unique: what to expect conflicts of; without the following such rows are left as they are.
        update: what a row takes over from one that conflicts with it.
        add: what it adds to its own.
        highest: what it takes over where that is higher than its own.
        returning: what to tell of the rows inserted; those left as they are tell nothing.

    Raises:
        DatabaseError, ValueError, OverflowError: see `database_errors`.
    """
    if not rows:
        return []
    fields = _fields(model, names)
    adapted = list(_adapted(fields, rows))
    columns = ", ".join(_quoted(field) for field in fields)
    target = f"{connection.ops.quote_name(model._meta.db_table)} ({columns})"
    if not (unique or returning) and _can_copy():
        _copy(target, fields, adapted)
        return []
    end = _conflict(model, unique, update, add, highest) if unique else ""
    if returning:
        end += f" RETURNING {', '.join(_quoted(field) for field in _fields(model, returning))}"
    told: list[Any] = []
    with connection.cursor() as cursor:
        for source, params in _sources(fields, adapted):
            cursor.execute(f"INSERT INTO {target} {source} {end}", params)
            if returning:
                told += cursor.fetchall()
    return told


def update(model: type[Model], names: tuple[str, ...], rows: Sequence[Row]) -> None:
    """Change rows of `model`'s own table, found by the first column of `names`.

    No signal is sent.

    Args:
        names: the key's column and those to change, by attribute name.
        rows: one value for each of `names`; keys that are not there change nothing.

    Raises:
        DatabaseError, ValueError, OverflowError: see `database_errors`.
    """
    if not rows:
        return
    fields = _fields(model, names)
    table = connection.ops.quote_name(model._meta.db_table)
    columns = [_quoted(field) for field in fields]
    key, *others = columns
    changes = ", ".join(f"{column} = given.{column}" for column in others)
    end = f"UPDATE {table} SET {changes} FROM given WHERE {table}.{key} = given.{key}"  # noqa: S608
    with connection.cursor() as cursor:
        for source, params in _sources(fields, list(_adapted(fields, rows))):
            cursor.execute(f"WITH given({', '.join(columns)}) AS ({source}) {end}", params)


def replace(model: type[Model], name: str, pairs: Sequence[tuple[Any, Any]]) -> None:
    """Give each row of `model`'s own table that has one value in the column `name` another.

    No signal is sent.

    Args:
        name: the column by attribute name.
        pairs: (what was, what is to be), each value that was only once and none among those to be.

    Raises:
        DatabaseError, ValueError, OverflowError: see `database_errors`.
    """
    if not pairs:
        return
    [field] = _fields(model, (name,))
    table, column = connection.ops.quote_name(model._meta.db_table), _quoted(field)
    end = f"UPDATE {table} SET {column} = given.new FROM given WHERE {table}.{column} = given.old"  # noqa: S608
    with connection.cursor() as cursor:
        for source, params in _sources([field, field], list(_adapted([field, field], pairs))):
            cursor.execute(f"WITH given(old, new) AS ({source}) {end}", params)


def _sources(
    fields: Sequence[Field[Any, Any]], rows: Sequence[Row]
) -> Iterator[tuple[str, list[Any]]]:
    """Yield what to insert from, and its parameters, for as many rows as one statement takes."""
    if connection.vendor == "postgresql":
        # One parameter a column: a thousand places take longer to fill in than to insert.
        arrays = ", ".join(f"%s::{field.db_type(connection)}[]" for field in fields)
        columns = [list(column) for column in zip(*rows, strict=True)]
        yield f"SELECT * FROM unnest({arrays})", columns  # noqa: S608 (types are ours)
        return
    size = max(1, connection.ops.bulk_batch_size(fields, rows) or len(rows))
    places = f"({', '.join(['%s'] * len(fields))})"
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        values = ", ".join([places] * len(some))
        yield f"VALUES {values}", [value for row in some for value in row]


@lru_cache(maxsize=128)
def _fields(model: type[Model], names: tuple[str, ...]) -> list[Field[Any, Any]]:
    by_name = {field.attname: field for field in model._meta.local_concrete_fields}
    return [by_name[name] for name in names]


def _adapted(fields: Sequence[Field[Any, Any]], rows: Sequence[Row]) -> Iterator[list[Any]]:
    """Yield the rows as the driver takes them; most values need nothing."""
    adapters = [
        (position, adapt)
        for position, field in enumerate(fields)
        if (adapt := _adapter(field)) is not None
    ]
    for row in rows:
        values = list(row)
        for position, adapt in adapters:
            if values[position] is not None:
                values[position] = adapt(values[position])
        yield values


def _adapter(field: Field[Any, Any]) -> _Adapt | None:
    if isinstance(field, models.DateTimeField):
        # A batch holds the same moments many times over.
        return lru_cache(connection.ops.adapt_datetimefield_value)
    if isinstance(field, models.JSONField):
        # What the field itself would do in the end, and a message has half a dozen of these.
        adapt, encoder = connection.ops.adapt_json_value, field.encoder
        return lambda value: adapt(value, encoder)
    if isinstance(field, models.UUIDField):
        return lambda value: field.get_db_prep_save(value, connection)
    return None


def _conflict(
    model: type[Model],
    unique: tuple[str, ...],
    update: tuple[str, ...],
    add: tuple[str, ...],
    highest: tuple[str, ...],
) -> str:
    table = connection.ops.quote_name(model._meta.db_table)
    greater = "GREATEST" if connection.vendor == "postgresql" else "MAX"
    changes = [
        f"{column} = {change.format(own=f'{table}.{column}', other=f'excluded.{column}')}"
        for change, names in (
            ("{other}", update),
            ("{own} + {other}", add),
            (f"{greater}({{own}}, {{other}})", highest),
        )
        for column in map(_quoted, _fields(model, names))
    ]
    target = ", ".join(map(_quoted, _fields(model, unique)))
    action = f"UPDATE SET {', '.join(changes)}" if changes else "NOTHING"
    return f"ON CONFLICT ({target}) DO {action}"


def _can_copy() -> bool:
    if connection.vendor != "postgresql":
        return False
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    return is_psycopg3


def _copy(target: str, fields: Sequence[Field[Any, Any]], rows: Sequence[Row]) -> None:
    """COPY costs PostgreSQL a fraction of INSERT: nothing is to be parsed or planned."""
    # As text, bytes would be sent as hexadecimal digits.
    binary = any(isinstance(field, models.BinaryField) for field in fields)
    with connection.cursor() as cursor, connection.wrap_database_errors:
        statement = f"COPY {target} FROM STDIN{' (FORMAT BINARY)' if binary else ''}"
        with cursor.copy(statement) as copy:
            if binary:
                copy.set_types([field.db_type(connection) for field in fields])
            for row in rows:
                copy.write_row(row)


def _quoted(field: Field[Any, Any]) -> str:
    """Return the column's name, quoted; a concrete field always has one."""
    return connection.ops.quote_name(str(field.column))
