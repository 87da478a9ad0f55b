"""Finding messages of folders by what is said in them.

query.py       what readers type -> a tree
question.py    what a backend is asked, and what it answers
sqlite.py, postgresql.py   the backends
words.py, marks.py, leaves.py, texts.py   what stands in the index, and how it is asked for
contents.py    the text inside attachments
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection
from django.utils import timezone

from .postgresql import PostgreSQLBackend
from .query import And, Field, Or, Query, Term, parse
from .question import Backend, Question
from .sqlite import SQLiteBackend
from .words import split

_MAX_HEADS = 20  # words

__all__ = ["Backend", "Query", "Question", "backend", "find", "find_heads", "parse"]


def backend() -> Backend:
    """Return what answers questions on this site."""
    return SQLiteBackend() if connection.vendor == "sqlite" else PostgreSQLBackend()


def find(folder_id: int, text: str, *, before: int | None = None, limit: int) -> list[int]:
    """Return `MessageText` ids of the folder's messages that `text` means, newest first.

    Args:
        text: as typed; see `query`. Nothing is found for a text without a single word or filter.
        before: only ids smaller than this one, for the next page.
    """
    query = parse(text, timezone.get_default_timezone())
    query.folders.clear()
    if query.is_empty:
        return []
    return backend().by_date(Question.of(query, [folder_id]), before=before, limit=limit)


def find_heads(folder_ids: Collection[int], words: str, *, limit: int) -> list[int]:
    """Return `MessageText` ids of messages of several folders, newest first.

    All of `words` stand in the subject or among the people; what the body says does not count.
    """
    terms = split(words)[:_MAX_HEADS]
    if not terms or not folder_ids:
        return []
    places = (Field.SUBJECT, Field.FROM, Field.TO)
    tree = And(tuple(Or(tuple(Term((word,), place) for place in places)) for word in terms))
    question = Question(sorted(folder_ids), tree)
    return backend().by_date(question, before=None, limit=limit)
