"""By what a folder's messages can be narrowed down, and how many messages each leaves.

What is kept counts for everybody; what one reader may not be told of is taken off.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count
from django.http import HttpRequest

from ..models import (
    AccountMessage,
    EmailFolderPage,
    EmailMessagePage,
    FacetCount,
    FacetKind,
    MailAccount,
    MailTag,
    MessageText,
    TaggedMessage,
)
from .hidden import Hidden, any_of
from .sender_list import seen_otherwise

_MOST = 8
_TITLE_LENGTH = 60

_COUNTS = FacetCount._meta.db_table
_MOST_OF = f"""SELECT * FROM (
    SELECT kind, value, messages, newest FROM {_COUNTS}
    WHERE folder_id = %s AND kind = %s AND messages > 0 AND value <> ''
    ORDER BY messages DESC LIMIT %s
) AS {{name}}"""  # noqa: S608 (the tables' names are ours)
# One question in the place of five: a page asks it before anything is shown.
_NUMBERS = f"""
SELECT counted.kind, counted.value, counted.messages, counted.newest, message.sender_name FROM (
{" UNION ALL ".join(_MOST_OF.format(name=f"{kind}s") for kind in ("sender", "list", "tag"))}
UNION ALL SELECT kind, value, messages, newest FROM {_COUNTS}
WHERE folder_id = %s AND kind IN (%s, %s) AND messages > 0
) AS counted
LEFT JOIN {MessageText._meta.db_table} AS text ON text.id = counted.newest
LEFT JOIN {EmailMessagePage._meta.db_table} AS message ON message.page_ptr_id = text.message_id
"""  # noqa: S608


class _Number(NamedTuple):
    """How many messages of the folder have a value.

    Attributes:
        newest: `MessageText` of the latest; 0 for accounts and tags.
        name: of its sender.
    """

    value: str
    messages: int
    newest: int
    name: str | None


@dataclass(frozen=True, slots=True)
class Values:
    """What there is to narrow down by: (value, label, messages).

    Attributes:
        accounts: of these alone everything is known; others are no choice.
    """

    senders: Sequence[tuple[str, str, int]] = ()
    lists: Sequence[tuple[str, str, int]] = ()
    attached: int = 0
    tags: Sequence[tuple[str, int]] = ()
    accounts: Sequence[tuple[str, str, int]] = field(default=())


def values_of(folder: EmailFolderPage, request: HttpRequest, hidden: Collection[Hidden]) -> Values:
    """Return what a reader can narrow a folder down by.

    One query, one more where there are accounts, and one where there are tags; where messages are
    hidden that these count, up to four more.
    """
    numbers = _numbers(folder, hidden)
    attached = sum(each.messages for each in numbers[FacetKind.ATTACHMENT])
    lists = _left(numbers[FacetKind.LIST], Counter(each.list_id for each in hidden))
    return Values(
        senders=_senders(folder, request, numbers[FacetKind.SENDER], hidden),
        lists=[(each.value, each.value, each.messages) for each in lists],
        attached=attached - sum(bool(each.has_attachment) for each in hidden),
        tags=_tags(numbers[FacetKind.TAG], hidden),
        accounts=_accounts(folder, numbers[FacetKind.ACCOUNT], hidden),
    )


def _numbers(folder: EmailFolderPage, hidden: Collection[Hidden]) -> Mapping[str, list[_Number]]:
    """Return what is kept of the folder, by kind; of senders, lists and tags the most."""
    # As many more are asked for as might fall behind for what is hidden.
    fewer = {
        FacetKind.SENDER: len({each.sender for each in hidden}),
        FacetKind.LIST: len({each.list_id for each in hidden}),
        FacetKind.TAG: len(hidden),
    }
    asked: list[Any] = []
    for kind, number in fewer.items():
        asked += [folder.pk, kind.value, _MOST + number]
    asked += [folder.pk, FacetKind.ATTACHMENT.value, FacetKind.ACCOUNT.value]
    found: defaultdict[str, list[_Number]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_NUMBERS, asked)
        for kind, *values in cursor.fetchall():
            found[kind].append(_Number(*values))
    return found


def _left(numbers: Sequence[_Number], hidden: Mapping[str | None, int]) -> list[_Number]:
    """Return the most of what is left without what is hidden, by value."""
    left = [each._replace(messages=each.messages - hidden.get(each.value, 0)) for each in numbers]
    left.sort(key=lambda each: (-each.messages, each.value))
    return [each for each in left[:_MOST] if each.messages > 0]


def _senders(
    folder: EmailFolderPage,
    request: HttpRequest,
    numbers: Sequence[_Number],
    hidden: Collection[Hidden],
) -> list[tuple[str, str, int]]:
    """Return who wrote most, by the names that their latest messages give them.

    Two queries where the latest of some are hidden.
    """
    most = _left(numbers, Counter(each.sender for each in hidden))
    gone = {each.text_id for each in hidden}
    names = {each.value: each.name for each in most if each.newest not in gone}
    if moved := [each.value for each in most if each.newest in gone]:
        seen = seen_otherwise(folder, request, moved)
        texts = MessageText.objects.filter(pk__in=[each.newest for each in seen])
        name_of = dict(texts.values_list("pk", "message__sender_name"))
        names |= {each.value: name_of.get(each.newest) for each in seen}
    return [
        (each.value, (name or each.value)[:_TITLE_LENGTH], each.messages)
        for each in most
        if (name := names.get(each.value)) is not None
    ]


def _accounts(
    folder: EmailFolderPage, counted: Sequence[_Number], hidden: Collection[Hidden]
) -> list[tuple[str, str, int]]:
    numbers = {int(each.value): each.messages for each in counted}
    if not numbers:
        return []
    if hidden:
        texts = [each.text_id for each in hidden if each.text_id is not None]
        lost = AccountMessage.objects.filter(
            folder=folder, account__in=numbers, text__in=any_of(texts)
        ).order_by()
        for account, number in lost.values_list("account").annotate(Count("pk")):
            numbers[account] -= number
    names = MailAccount.objects.filter(pk__in=numbers).order_by("name", "pk")
    return [
        (str(pk), name, numbers[pk])
        for pk, name in names.values_list("pk", "name")
        if numbers[pk] > 0
    ]


def _tags(counted: Sequence[_Number], hidden: Collection[Hidden]) -> list[tuple[str, int]]:
    numbers = {each.value: each.messages for each in counted}
    if not numbers:
        return []
    if texts := [each.text_id for each in hidden if each.text_id is not None]:
        borne = TaggedMessage.objects.filter(content_object__text_entry__in=any_of(texts))
        for mark in borne.values_list("tag__mark", flat=True):
            if mark in numbers:
                numbers[mark] -= 1
    named = MailTag.objects.filter(mark__in=numbers).values_list("mark", "name")
    found = [(name, numbers[mark]) for mark, name in named if numbers[mark] > 0]
    return sorted(found, key=lambda each: (-each[1], each[0]))[:_MOST]
