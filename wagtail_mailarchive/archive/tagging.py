"""Tags on messages: written in bulk, and known to the search index as words of ours.

Both happen in one transaction under the folder's lock, under which messages are read again, too;
so the index never says anything else than the rows.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final
from unicodedata import normalize

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet, Sum

from ..models import (
    EmailMessagePage,
    FacetCount,
    FacetKind,
    MailTag,
    MessageText,
    TaggedMessage,
    Thread,
)
from ..models.tag import MAX_TAG, MOST_TAGS
from . import facets, pages, rows
from .search.marks import tag_mark, tag_marks
from .search.words import split

MOST_AT_ONCE: Final = 10  # tags typed into one field
_MAX_TYPED: Final = 2_000  # characters of that field
_LONG: Final = 200  # messages of a thread
# As they are typed in Arabic, Chinese and Japanese, too; the wide form of "," is folded to it.
_COMMAS: Final = re.compile("[,،、]")
_OF_TEXT: Final = ("pk", "message_id", "folder_id", "marks")
_OF_TEXTS = f"""
    SELECT tagged.tag_id, COUNT(*) FROM {MessageText._meta.db_table} AS text
    JOIN {TaggedMessage._meta.db_table} AS tagged ON tagged.content_object_id = text.message_id
    WHERE text.id {{among}} GROUP BY tagged.tag_id ORDER BY COUNT(*) DESC, tagged.tag_id LIMIT %s
"""  # noqa: S608 (the tables' names are ours)
_IS_TAGGED = f"SELECT 1 FROM {TaggedMessage._meta.db_table} WHERE folder_id = %s LIMIT 1"  # noqa: S608


def names_in(typed: str) -> list[str]:
    """Return the tags in a text where commas part them, each once; what holds no word is none."""
    found: dict[str, str] = {}
    # One letter may become eighteen when it is folded.
    folded = normalize("NFKC", typed[:_MAX_TYPED]).replace('"', " ")
    for part in _COMMAS.split(folded):
        name = " ".join(part.split())[:MAX_TAG].strip()
        key = key_of(name)
        if key:
            found.setdefault(key, name)
    return list(found.values())[:MOST_AT_ONCE]


def key_of(name: str) -> str:
    """Return what makes a tag the same: its words, folded. "" if there is none."""
    return " ".join(split(name))


@transaction.atomic
def add_tags(messages: Collection[EmailMessagePage], names: Sequence[str], user: Any) -> int:
    """Give every message every tag; return how many taggings that added.

    A message that would have more than `MOST_TAGS` gets none of the new ones.

    Args:
        messages: with their folders' keys.
        names: of `names_in`.
    """
    _lock(messages)
    tags = [_tag(name) for name in names]
    had: defaultdict[int, set[int]] = defaultdict(set)
    before = TaggedMessage.objects.filter(content_object__in=messages)
    for message_id, tag_id in before.values_list("content_object", "tag"):
        had[message_id].add(tag_id)
    new = [
        TaggedMessage(tag=tag, content_object_id=each.pk, folder_id=each.folder_id, tagged_by=user)
        for each in messages
        for tag in tags
        if tag.pk not in had[each.pk] and len(had[each.pk] | {tag.pk for tag in tags}) <= MOST_TAGS
    ]
    TaggedMessage.objects.bulk_create(new)
    _index({each.content_object_id for each in new})
    return len(new)


@transaction.atomic
def remove_tags(messages: Collection[EmailMessagePage], names: Sequence[str]) -> int:
    """Take every tag off every message; return how many taggings there were."""
    _lock(messages)
    keys = [key_of(name) for name in names]
    gone = TaggedMessage.objects.filter(content_object__in=messages, tag__key__in=keys)
    concerned = set(gone.values_list("content_object", flat=True))
    removed: int = gone.delete()[0]
    _index(concerned)
    MailTag.objects.filter(key__in=keys, tagged=None).delete()
    return removed


def tags_of(message_ids: Iterable[int]) -> dict[int, list[str]]:
    """Return the tags of messages by name (one query); those without any are left out."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    tagged = TaggedMessage.objects.filter(content_object__in=list(message_ids))
    for key, name in tagged.order_by("tag__name").values_list("content_object", "tag__name"):
        found[key].append(name)
    return dict(found)


def tags_of_thread(
    thread: Thread, messages: QuerySet[EmailMessagePage], most: int = MOST_TAGS
) -> list[str]:
    """Return the tags that any of `messages` has, by name, the first `most`.

    One query where nothing in the folder is tagged, as in most; two else, for a long thread three.

    Args:
        messages: all are of `thread`.
    """
    with connection.cursor() as cursor:
        cursor.execute(_IS_TAGGED, [thread.folder_id])
        if not cursor.fetchall():
            return []
    tagged = TaggedMessage.objects.order_by()
    if thread.message_count > _LONG and taggings([thread.folder_id]) < thread.message_count:
        own = messages.order_by().filter(pk=OuterRef("content_object"))
        tagged = tagged.filter(Exists(own), folder=thread.folder_id)
    else:
        tagged = tagged.filter(content_object__in=messages.order_by().values("pk"))
    tags = MailTag.objects.filter(pk__in=tagged.values("tag"))
    return list(tags.order_by("name").values_list("name", flat=True)[:most])


def taggings(folder_ids: Collection[int]) -> int:
    """Return how often mail of these folders is tagged (one query)."""
    counts = FacetCount.objects.filter(folder__in=folder_ids, kind=FacetKind.TAG)
    total: int = counts.aggregate(total=Sum("messages", default=0))["total"]
    return total


def most_of_texts(
    text_ids: Collection[int], folder_ids: Collection[int], most: int
) -> list[tuple[str, int]]:
    """Return the tags that most of these texts' messages have, and how many.

    One query where nothing in the folders is tagged, three else.

    Args:
        folder_ids: all texts are of these.
    """
    if not taggings(folder_ids):
        return []
    given: list[int] | str
    if connection.vendor == "postgresql":
        among, given = "= ANY(%s::bigint[])", list(text_ids)
    else:
        among, given = "IN (SELECT value FROM json_each(%s))", json.dumps(list(text_ids))
    with connection.cursor() as cursor:
        cursor.execute(_OF_TEXTS.format(among=among), [given, most])
        counted = cursor.fetchall()
    names = MailTag.objects.in_bulk([tag_id for tag_id, _ in counted]) if counted else {}
    return [(names[tag_id].name, number) for tag_id, number in counted if tag_id in names]


def _lock(messages: Iterable[EmailMessagePage]) -> None:
    # In the same order everywhere, so that two do not wait for each other.
    for folder_id in sorted({each.folder_id for each in messages}):
        pages.lock_folder(folder_id)


def _tag(name: str) -> MailTag:
    key = key_of(name)
    given = {"name": name, "mark": tag_mark(key)}
    tag: MailTag = MailTag.objects.get_or_create(key=key, defaults=given)[0]
    return tag


def _index(message_ids: Collection[int]) -> None:
    """Have search and the numbers of the folders know the messages' tags."""
    marks = _marks(message_ids)
    found = MessageText.objects.filter(message__in=message_ids)
    changed = []
    numbers: Counter[tuple[int, str]] = Counter()
    for pk, message_id, folder_id, text in found.values_list(*_OF_TEXT):
        before, after = tag_marks(text), marks.get(message_id, [])
        if before != after:
            own = [each for each in text.split() if each not in before]
            changed.append((pk, " ".join([*own, *after])))
            numbers.update((folder_id, mark) for mark in after)
            numbers.subtract((folder_id, mark) for mark in before)
    rows.update(MessageText, ("id", "marks"), changed)
    facets.add_tags({key: number for key, number in numbers.items() if number})


def _marks(message_ids: Collection[int]) -> dict[int, list[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    tagged = TaggedMessage.objects.filter(content_object__in=message_ids)
    for message_id, mark in tagged.order_by("tag").values_list("content_object", "tag__mark"):
        found[message_id].append(mark)
    return dict(found)
