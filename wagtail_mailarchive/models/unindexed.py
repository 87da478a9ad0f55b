"""Columns that the database finds by no index: for questions that another index answers sooner."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import BigIntegerField, ExpressionWrapper, F, QuerySet


def unindexed(name: str) -> ExpressionWrapper[Any]:
    """Return the column `name`, of keys or other numbers of 64 bits.

    Its type has to be said: Django takes a sum for 32 bits, beyond which PostgreSQL has nothing.
    """
    return ExpressionWrapper(F(name) + 0, output_field=BigIntegerField())


def of_folders(rows: QuerySet[Any], folder_ids: Collection[int]) -> QuerySet[Any]:
    """Return those of `rows`, found by their keys, that are of these folders.

    SQLite has no statistics where nobody has it make some, as on Django's sites. It then takes a
    folder for fewer rows than a page has keys, and would look through all of it.
    """
    found: QuerySet[Any] = rows.alias(own_folder=unindexed("folder"))
    return found.filter(own_folder__in=folder_ids)
