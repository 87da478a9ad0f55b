"""What people added to a message: to most nothing, so that all of it is asked about at once."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from django.db import connection
from django.db.models import Model

from ..models import Annotation, Comment, EmailMessagePage, Relation, TaggedMessage
from ..models.relation import Target, TargetKind


class Added(StrEnum):
    """Attributes: RELATIONS: of the message to others; RELATED: of others to it."""

    NOTES = "notes"
    TAGS = "tags"
    COMMENTS = "comments"
    RELATIONS = "relations"
    RELATED = "related"


_WHERE: Final[dict[Added, tuple[type[Model], str]]] = {
    Added.NOTES: (Annotation, "message_id"),
    Added.TAGS: (TaggedMessage, "content_object_id"),
    Added.COMMENTS: (Comment, "message_id"),
    Added.RELATIONS: (Relation, "message_id"),
    Added.RELATED: (Relation, "target"),
}
_QUESTION: Final = " UNION ALL ".join(
    f"SELECT '{kind}' WHERE EXISTS (SELECT 1 FROM {model._meta.db_table} WHERE {column} = %s)"  # noqa: S608 (the names are ours)
    for kind, (model, column) in _WHERE.items()
)


def added_to(page: EmailMessagePage) -> frozenset[str]:
    """Return the kinds of what there is, whether the reader may see it or not (one query)."""
    target = str(Target(TargetKind.MESSAGE, str(page.pk)))
    given = [target if kind is Added.RELATED else page.pk for kind in _WHERE]
    with connection.cursor() as cursor:
        cursor.execute(_QUESTION, given)
        return frozenset(kind for (kind,) in cursor.fetchall())
