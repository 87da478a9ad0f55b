"""Deleting hundreds of message pages at once, with what others attached to them.

Django's deletion loads each row and sends signals for it, and Wagtail answers each with queries of
its own: about eight a message. Messages have no revisions, index entries or references of their
own, so relations are looked through once a batch, and no signals are sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

from django.contrib.contenttypes.fields import GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db.models import DO_NOTHING, PROTECT, RESTRICT, Exists, ManyToOneRel, Model, QuerySet
from django.db.models.deletion import Collector
from django.db.models.expressions import RawSQL
from wagtail.models import Page, ReferenceIndex

from ..exceptions import MailArchiveError, gettext_noop
from ..models import EmailMessagePage

OnDelete = Callable[..., Any]
# Each brings all keys into the statement; SQLite takes a megabyte.
_ASKED_AT_ONCE = 8


class ArchiveInUse(MailArchiveError):
    """Something of the site's own stands on a page of ours."""

    template = gettext_noop("%(page)s cannot be deleted: %(problem)s. Change that and start again.")


def delete_messages(messages: Sequence[int], folder: str) -> None:
    """Delete the pages of `messages`, by primary key, inside the caller's transaction.

    The folder's count of children and what our own models hold of them are the caller's.

    Raises:
        ArchiveInUse: an object of the site protects one of them; `folder` names the place.
    """
    if not messages:
        return
    these = among(messages)
    for relation, on_delete, rows in _referring(messages):
        _settle(relation, on_delete, rows, folder)
    for attached in _attached(messages):
        attached.delete()
    delete_rows(QuerySet(EmailMessagePage).filter(pk__in=these))
    delete_rows(QuerySet(Page).filter(pk__in=these))


def among(keys: Iterable[int]) -> RawSQL:
    """Return `keys` to stand behind `__in`, as SQL.

    As parameters, thousands of keys cost Django more than the database takes to find their rows.
    """
    return RawSQL(",".join(str(int(key)) for key in keys) or "NULL", ())  # noqa: S611 (numbers)


def delete_rows(rows: QuerySet[Model]) -> None:
    """Delete `rows` of one table in one statement, without signals or cascades."""
    rows._raw_delete(rows.db)


def _referring(
    messages: Sequence[int],
) -> Iterator[tuple[ManyToOneRel, OnDelete, QuerySet[Model]]]:
    """Yield each relation through which something refers to `messages`, with its rows.

    There are dozens, nearly all of them empty, so several are asked for at once.
    """
    relations, these = list(_relations()), among(messages)
    for start in range(0, len(relations), _ASKED_AT_ONCE):
        some = relations[start : start + _ASKED_AT_ONCE]
        rows = [
            relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": these})
            for relation, _ in some
        ]
        # Asked beside one row that is there, the first of the messages.
        page = Page._base_manager.filter(pk=messages[0])
        found = page.values_list(*(Exists(each) for each in rows)).get()
        for is_there, (relation, on_delete), each in zip(found, some, rows, strict=True):
            if is_there:
                yield relation, on_delete, each


def _relations() -> Iterator[tuple[ManyToOneRel, OnDelete]]:
    """Yield what refers to messages, or to pages as such, by foreign key, and what then to do."""
    for field in EmailMessagePage._meta.get_fields(include_hidden=True):
        # A parent link leads to a page's own row of another type; a message has one type.
        if not isinstance(field, ManyToOneRel) or field.parent_link:
            continue
        if field.on_delete is not None and field.on_delete is not DO_NOTHING:
            yield field, field.on_delete


def _settle(
    relation: ManyToOneRel, on_delete: OnDelete, rows: QuerySet[Model], folder: str
) -> None:
    """Do with `rows` what their foreign key says: delete them, or let them refer to nothing."""
    if on_delete in (PROTECT, RESTRICT):
        kind = relation.related_model._meta.label
        raise ArchiveInUse(
            page=folder, problem=f"{rows.count()} objects refer to mail in it ({kind})"
        )
    collector = Collector(using=rows.db)
    on_delete(collector, relation.field, rows, rows.db)
    collector.delete()


def _attached(messages: Sequence[int]) -> Iterator[QuerySet[Model]]:
    """Yield rows that name messages by content type and key."""
    # Of each only the key is asked, and thousands of pages take seconds to make.
    instances: Any = [SimpleNamespace(pk=pk) for pk in messages]
    for model in (EmailMessagePage, Page):
        for field in model._meta.private_fields:
            if isinstance(field, GenericRelation):
                yield field.bulk_related_objects(instances)
    kind, keys = ContentType.objects.get_for_model(Page), [str(pk) for pk in messages]
    yield ReferenceIndex.objects.filter(to_content_type=kind, to_object_id__in=keys)
    yield ReferenceIndex.objects.filter(base_content_type=kind, object_id__in=keys)
