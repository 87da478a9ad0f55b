"""Columns that the database finds by no index: for questions that another index answers sooner."""

from __future__ import annotations

from typing import Any

from django.db.models import BigIntegerField, ExpressionWrapper, F


def unindexed(name: str) -> ExpressionWrapper[Any]:
    """Return the column `name`, of keys or other numbers of 64 bits.

    Its type has to be said: Django takes a sum for 32 bits, beyond which PostgreSQL has nothing.
    """
    return ExpressionWrapper(F(name) + 0, output_field=BigIntegerField())
