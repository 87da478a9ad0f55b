"""Paging by key: a page far down a list costs what the first one costs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from django.db.models import QuerySet
from django.http import HttpRequest

from .listing import BadAddress

_KEY = re.compile("-?[0-9]{1,18}")

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Place(Generic[Row]):
    """Where a page of a list begins or ends: at most one of both.

    Attributes:
        before: only what is older than this.
        after: only what is newer.
    """

    before: Row | None = None
    after: Row | None = None

    @property
    def is_first(self) -> bool:
        return self.before is None and self.after is None


@dataclass(frozen=True, slots=True)
class ListPage(Generic[Row]):
    """One page of a list.

    Attributes:
        rows: newest first.
        newer, older: places of the neighbouring pages; "" at an end.
    """

    rows: list[Row] = field(default_factory=list)
    newer: str = ""
    older: str = ""


def key_place(request: HttpRequest) -> Place[int]:
    """Read a place between two numbers out of the address.

    Raises:
        BadAddress: it is none.
    """
    place = Place(_key(request, "before"), _key(request, "after"))
    if place.before is not None and place.after is not None:
        raise BadAddress(request.get_full_path())
    return place


def around(rows: QuerySet[Any], key: str, place: Place[int], size: int) -> QuerySet[Any]:
    """Return the rows of a page, and one more if there are, in the order of the way there."""
    if place.after is not None:
        return rows.filter(**{f"{key}__gt": place.after}).order_by(key)[: size + 1]
    if place.before is not None:
        rows = rows.filter(**{f"{key}__lt": place.before})
    return rows.order_by(f"-{key}")[: size + 1]


def cut(found: Sequence[Row], place: Place[Any], size: int) -> tuple[list[Row], bool, bool]:
    """Return the page of what `around` found, newest first, and whether there is newer, older."""
    page, more = list(found[:size]), len(found) > size
    if place.after is not None:
        return page[::-1], more, True
    return page, place.before is not None, more


def _key(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name)
    if text is None:
        return None
    if not _KEY.fullmatch(text):
        raise BadAddress(text)
    return int(text)
