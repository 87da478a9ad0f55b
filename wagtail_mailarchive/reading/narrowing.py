"""Which of a folder's messages a reader wants to see, as it stands in the address.

`?month=2026-03` or `?year=2026`, and one of `from=`, `list=`, `has=attachment` and `account=`: for
each of these an index gives the order, so that a page costs the same in any folder. More than one
at a time is what search is for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from ..archive.month_counts import bounds
from ..models import AccountMessage, EmailMessagePage, MessageText
from ..models.message_text import SEQUENCE_BITS
from ..models.privacy import refused_pages
from ..models.unindexed import unindexed
from .listing import BadAddress, parse_month

_YEAR = re.compile("[12][0-9]{3}")
_KEY = re.compile("[0-9]{1,18}")
# Characters, as stored.
_LONGEST = {"from": 320, "list": 255}


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What is wanted; all of the folder without anything.

    Attributes:
        month: 0 for a whole year.
        sender: address in lower case; "" for messages that name none; None for all.
        list_id: "" for all.
        account: key; None for all.
    """

    year: int | None = None
    month: int = 0
    sender: str | None = None
    list_id: str = ""
    has_attachment: bool = False
    account: int | None = None

    @classmethod
    def of(cls, request: HttpRequest) -> Narrowing:
        """Read it out of the address.

        Raises:
            BadAddress: it is none of ours.
        """
        given = request.GET
        if len(given.keys() & {"year", "month"}) > 1:
            raise BadAddress(request.get_full_path())
        if len(given.keys() & {"from", "list", "has", "account"}) > 1:
            raise BadAddress(request.get_full_path())
        year, month = None, 0
        if "month" in given:
            year, month = parse_month(given["month"])
        elif "year" in given:
            year = int(_matching(_YEAR, given["year"]))
        if given.get("has", "attachment") != "attachment":
            raise BadAddress(given["has"])
        sender = _text(given["from"], "from").lower() if "from" in given else None
        list_id = _text(given["list"], "list") if "list" in given else ""
        if "list" in given and not list_id:
            raise BadAddress("list")
        account = int(_matching(_KEY, given["account"])) if "account" in given else None
        return cls(year, month, sender, list_id, "has" in given, account)

    @property
    def period(self) -> dict[str, str]:
        """The part of the address that says when."""
        if self.year is None:
            return {}
        if self.month:
            return {"month": f"{self.year:04}-{self.month:02}"}
        return {"year": f"{self.year:04}"}

    @property
    def facet(self) -> dict[str, str]:
        """The part of the address that says what else."""
        if self.sender is not None:
            return {"from": self.sender}
        if self.list_id:
            return {"list": self.list_id}
        if self.has_attachment:
            return {"has": "attachment"}
        return {"account": str(self.account)} if self.account is not None else {}

    @property
    def is_narrow(self) -> bool:
        return bool(self.period or self.facet)

    def between(self, zone: tzinfo) -> tuple[datetime, datetime] | None:
        """Return the period's beginning and that of what follows, aware; None for all times."""
        if self.year is None:
            return None
        if self.month:
            return bounds(self.year, self.month, zone)
        return bounds(self.year, 1, zone)[0], bounds(self.year, 12, zone)[1]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The messages that are wanted, as rows of an index that has their order.

    Attributes:
        rows: of `MessageText`, or of `AccountMessage` where that has the order.
        listed: the same by `EmailMessagePage.listed`, for which no page has to be read.
        key: what sorts them by date.
        message: leads from a row to the message.
        until: all keys are less; None where nothing bounds them.
        texts: gives `listed` in all folders and by no index of keys: for messages that are found
            by other ways.
    """

    rows: QuerySet[Any]
    listed: QuerySet[Any]
    key: str
    message: str
    until: int | None
    texts: Callable[[], QuerySet[Any]]

    def with_messages(self, rows: QuerySet[Any], columns: Sequence[str]) -> QuerySet[Any]:
        """Return `rows` with `columns` of their messages, whose rest stays in the database."""
        needed = (self.key, *(f"{self.message}__{column}" for column in columns))
        return rows.select_related(self.message).only(*needed)

    def message_of(self, row: Any) -> EmailMessagePage:
        message: EmailMessagePage = (row if self.key == "pk" else row.text).message
        return message


def choose(folder_id: int, request: HttpRequest, narrowing: Narrowing, zone: tzinfo) -> Chosen:
    """Return what is wanted of a folder and the reader may be told of."""
    wanted: dict[str, Any] = {}
    if narrowing.sender is not None:
        wanted["sender"] = narrowing.sender
    if narrowing.list_id:
        wanted["list_id"] = narrowing.list_id
    if narrowing.has_attachment:
        wanted["has_attachment"] = True
    between = narrowing.between(zone)
    times: dict[str, int] = {}
    if between is not None:
        begin, end = (int(moment.timestamp()) << SEQUENCE_BITS for moment in between)
        times = {"gte": begin, "lt": end}
    refused = refused_pages(request)
    rows: QuerySet[Any]
    if narrowing.account is not None:
        key, message, asked = "text_id", "text__message", {"account": narrowing.account}
        rows = AccountMessage.objects.all()
    else:
        key, message, asked = "pk", "message", wanted
        rows = MessageText.objects.all()
    placed = {f"{key}__{name}": value for name, value in times.items()}
    rows = rows.filter(folder=folder_id, **asked, **placed)
    rows = rows.exclude(**{f"{message}__in": refused})
    live, listed = (rows.filter(**{f"{message}__{each}": True}) for each in ("live", "listed"))

    def texts() -> QuerySet[Any]:
        timed = {f"own_key__{name}": value for name, value in times.items()}
        found: QuerySet[Any] = MessageText.objects.alias(own_key=unindexed("pk"))
        found = found.filter(**wanted, **timed, message__listed=True).exclude(message__in=refused)
        if narrowing.account is None:
            return found
        of_account = AccountMessage.objects.filter(folder=folder_id, account=narrowing.account)
        return found.filter(Exists(of_account.filter(text=OuterRef("pk"))))

    return Chosen(live, listed, key, message, times.get("lt"), texts)


def _matching(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise BadAddress(text)
    return text


def _text(given: str, name: str) -> str:
    if len(given) > _LONGEST[name] or "\0" in given:
        raise BadAddress(name)
    return given.strip()
