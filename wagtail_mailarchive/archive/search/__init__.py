"""Finding messages of folders by what is said in them.

query.py       what readers type -> a tree
question.py    what a backend is asked, and what it answers
sqlite.py, postgresql.py, cluster/   the backends
words.py, marks.py, leaves.py, texts.py   what stands in the index, and how it is asked for
contents.py    the text inside attachments
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection
from django.utils import timezone

from ...conf import DATABASE, archive_settings
from ...models import SearchCluster
from .cluster.backend import ClusterBackend
from .cluster.client import connect
from .postgresql import PostgreSQLBackend
from .query import And, Field, Or, Query, Term, parse
from .question import Backend, Question
from .sqlite import SQLiteBackend
from .words import split

_MAX_HEADS = 20  # words

__all__ = ["Backend", "Query", "Question", "backend", "find", "find_heads", "parse"]


def backend() -> Backend:
    """Return what answers readers' questions on this site.

    The database does until the cluster's index holds all messages.

    Raises:
        SearchUnavailable: now, or when it is asked.
    """
    alias = archive_settings().SEARCH_BACKEND
    if alias != DATABASE and SearchCluster.objects.filter(alias=alias, is_ready=True).exists():
        return ClusterBackend(connect(alias))
    return database_backend()


def database_backend() -> Backend:
    """Return what knows of a message as soon as it is archived."""
    return SQLiteBackend() if connection.vendor == "sqlite" else PostgreSQLBackend()


def find(folder_id: int, text: str, *, before: int | None = None, limit: int) -> list[int]:
    """Return `MessageText` ids of the folder's messages that `text` means, newest first.

    Args:
        text: as typed; see `query`. Nothing is found for a text without a single word or filter.
        before: only ids smaller than this one, for the next page.

    Raises:
        SearchUnavailable.
    """
    query = parse(text, timezone.get_default_timezone())
    query.folders.clear()
    if query.is_empty:
        return []
    return backend().by_date(Question.of(query, [folder_id]), before=before, limit=limit)


def find_heads(folder_ids: Collection[int], words: str, *, limit: int) -> list[int]:
    """Return `MessageText` ids of messages of several folders, newest first.

    All of `words` stand in the subject or among the people; what the body says does not count.
    The database is asked, because a cluster may not have been told yet of what has just come.
    """
    terms = split(words)[:_MAX_HEADS]
    if not terms or not folder_ids:
        return []
    places = (Field.SUBJECT, Field.FROM, Field.TO)
    tree = And(tuple(Or(tuple(Term((word,), place) for place in places)) for word in terms))
    question = Question(sorted(folder_ids), tree)
    return database_backend().by_date(question, before=None, limit=limit)
