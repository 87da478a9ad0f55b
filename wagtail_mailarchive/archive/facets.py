"""By what a folder's messages can be narrowed down: counted while archiving, never anew."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import itemgetter

from django.db import connection
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from ..models import AccountMessage, FacetCount, FacetKind, MessageText
from . import rows
from .bulk_deletion import delete_rows
from .rows import Row
from .search.marks import tag_marks
from .search.texts import COLUMNS

_id, _message, _folder, _sender, _list, _attached, _marks = (
    itemgetter(COLUMNS.index(name))
    for name in ("id", "message_id", "folder_id", "sender", "list_id", "has_attachment", "marks")
)

_COUNTED = ("folder_id", "kind", "value", "messages", "newest")
_BY_ACCOUNT = f"""
    INSERT INTO {AccountMessage._meta.db_table} (folder_id, account_id, text_id)
    SELECT %s, %s, id FROM {MessageText._meta.db_table} WHERE message_id {{among}} ORDER BY id
    ON CONFLICT (folder_id, account_id, text_id) DO NOTHING
"""  # noqa: S608 (the tables' names are ours)

_Key = tuple[int, str, str]


def add(texts: Iterable[Row], gone: Iterable[Row] = ()) -> None:
    """Count messages by their texts, and those `gone` no more, in the present transaction.

    Args:
        texts, gone: columns of `search.texts.COLUMNS`, as they are in the database; what is gone
            was counted before and is not there any more.
    """
    numbers: Counter[_Key] = Counter()
    newest: defaultdict[_Key, int] = defaultdict(int)
    for row in texts:
        for key in _keys(row):
            numbers[key] += 1
            newest[key] = max(newest[key], _id(row)) if newest[key] else _id(row)
    lost = {key for row in gone for key in _keys(row)}
    for row in gone:
        numbers.subtract(_keys(row))
    _add(
        [
            (*key, number, 0 if key[1] == FacetKind.TAG else newest[key])
            for key, number in sorted(numbers.items())
        ]
    )
    _find_newest(lost)


def add_tags(numbers: Mapping[tuple[int, str], int]) -> None:
    """Count by (folder, mark of a tag) how many messages more bear it, in this transaction."""
    _add(
        [
            (folder_id, FacetKind.TAG.value, mark, number, 0)
            for (folder_id, mark), number in sorted(numbers.items())
        ]
    )


def add_account(account_id: int, message_ids: Collection[int], folder_id: int) -> None:
    """Note that messages came by an account, those already noted too."""
    if not message_ids:
        return
    given: list[int] | str
    if connection.vendor == "postgresql":
        among, given = "= ANY(%s::bigint[])", list(message_ids)
    else:
        among, given = "IN (SELECT value FROM json_each(%s))", json.dumps(list(message_ids))
    with connection.cursor() as cursor:
        cursor.execute(_BY_ACCOUNT.format(among=among), [folder_id, account_id, given])
        added = cursor.rowcount
    if added:
        _add([(folder_id, FacetKind.ACCOUNT.value, str(account_id), added, 0)])


def remove_accounts(folder_id: int, text_ids: Collection[int]) -> None:
    """Forget by which accounts messages came, in the present transaction (four queries)."""
    by_account = FacetCount.objects.filter(folder=folder_id, kind=FacetKind.ACCOUNT)
    # The accounts are named, or an index would lead to all mail of the folder.
    accounts = [int(value) for value in by_account.values_list("value", flat=True)]
    noted = AccountMessage._base_manager.filter(
        folder=folder_id, account__in=accounts, text__in=text_ids
    )
    counted = dict(noted.order_by().values_list("account").annotate(number=Count("pk")))
    delete_rows(noted)
    _add(
        [
            (folder_id, FacetKind.ACCOUNT.value, value, -number, 0)
            for value, number in sorted((str(each), n) for each, n in counted.items())
        ]
    )


def move(pairs: Sequence[tuple[int, int]]) -> None:
    """Let accounts' messages follow texts whose keys are others now: (what was, what is)."""
    rows.replace(AccountMessage, "text_id", pairs)


def _keys(row: Row) -> Iterable[_Key]:
    folder_id = _folder(row)
    yield folder_id, FacetKind.SENDER.value, _sender(row)
    if _list(row):
        yield folder_id, FacetKind.LIST.value, _list(row)
    if _attached(row):
        yield folder_id, FacetKind.ATTACHMENT.value, ""
    for mark in tag_marks(_marks(row)):
        yield folder_id, FacetKind.TAG.value, mark


def _add(counted: Sequence[Row]) -> None:
    """Add numbers in their order, the same everywhere: else two workers may wait for each other."""
    rows.insert(
        FacetCount,
        _COUNTED,
        counted,
        unique=("folder_id", "kind", "value"),
        add=("messages",),
        highest=("newest",),
    )


def _find_newest(keys: Collection[_Key]) -> None:
    """Look up the newest message of senders some of whose messages have changed."""
    senders: defaultdict[int, list[str]] = defaultdict(list)
    for folder_id, kind, value in keys:
        if kind == FacetKind.SENDER:
            senders[folder_id].append(value)
    for folder_id, values in senders.items():
        there = MessageText.objects.filter(folder=folder_id, sender=OuterRef("value"))
        FacetCount.objects.filter(folder=folder_id, kind=FacetKind.SENDER, value__in=values).update(
            newest=Coalesce(Subquery(there.order_by("-pk").values("pk")[:1]), 0)
        )
