"""One page of hits: what the index answers, asked of the messages themselves again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models.functions import Left
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ..archive.search import Question, backend
from ..archive.search.question import Place
from ..archive.search.snippets import READ, Highlighter, Piece
from ..models import EmailFolderPage, EmailMessagePage, MessageText
from ..models.comment import comment_counts
from ..models.privacy import readable
from ..models.unindexed import of_folders
from .addresses import message_address
from .listing import COLUMNS, BadAddress
from .row_markup import marked, message_time_markup

PAGE_SIZE = 25
_ID = re.compile("-?[0-9]{1,18}")
_PLACE = re.compile(r"(-?[0-9]{1,9}(?:\.[0-9]{1,20})?(?:e-?[0-9]{1,2})?)_(-?[0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that was found.

    Attributes:
        subject, excerpt: in pieces, each with whether it was looked for.
        folder: None where all hits are of one.
        comments: shown on the message.
    """

    message: EmailMessagePage
    address: str
    subject: list[Piece]
    excerpt: list[Piece]
    folder: EmailFolderPage | None = None
    comments: int = 0

    @property
    def subject_markup(self) -> SafeString:
        return marked(self.subject)

    @property
    def excerpt_markup(self) -> SafeString:
        return marked(self.excerpt)

    @property
    def time_markup(self) -> SafeString:
        return message_time_markup(self.message)


@dataclass(frozen=True, slots=True)
class Hits:
    """A page of hits; `further` says where the next one begins, "" if there is none."""

    hits: list[Hit]
    further: str = ""


def find_hits(
    question: Question,
    request: HttpRequest,
    folders: Mapping[int, tuple[EmailFolderPage, str]],
    highlighter: Highlighter,
    *,
    by_relevance: bool,
    behind: str,
) -> Hits:
    """Return a page of hits.

    Args:
        folders: folder and address by key; a hit of no such folder is left out.
        behind: `Hits.further` of the page before.

    Raises:
        BadAddress: `behind` is none.
    """
    places = _places(question, by_relevance=by_relevance, behind=behind)
    page = places[:PAGE_SIZE]
    further = ""
    if len(places) > PAGE_SIZE:
        last = page[-1]
        further = f"{last.score!r}_{last.id}" if by_relevance else str(last.id)
    texts = {
        each["pk"]: each
        for each in MessageText.objects.filter(pk__in=[place.id for place in page])
        .annotate(start=Left("body", READ), inside=Left("attached", READ))
        .values("pk", "message_id", "start", "inside", "files")
    }
    keys = [each["message_id"] for each in texts.values()]
    # The folder is asked for again: whether a message is in it must not hang on its index.
    inside = of_folders(EmailMessagePage.objects.filter(pk__in=keys), folders)
    messages = readable(inside, request).only(*COLUMNS).in_bulk()
    comments = comment_counts(list(messages))
    hits = []
    for place in page:
        text = texts.get(place.id)
        message = messages.get(text["message_id"]) if text else None
        if text and message:
            folder, address = folders[message.folder_id]
            excerpt = highlighter.excerpt(text["start"], text["inside"], text["files"])
            hits.append(
                Hit(
                    message,
                    message_address(address, message.slug),
                    highlighter.mark(message.display_subject[:200]),
                    excerpt or highlighter.mark(message.snippet),
                    folder if len(folders) > 1 else None,
                    comments.get(message.pk, 0),
                )
            )
    return Hits(hits, further)


def _places(question: Question, *, by_relevance: bool, behind: str) -> Sequence[Place]:
    engine = backend()
    if not by_relevance:
        if behind and not _ID.fullmatch(behind):
            raise BadAddress(behind)
        before = int(behind) if behind else None
        ids = engine.by_date(question, before=before, limit=PAGE_SIZE + 1)
        return [Place(0.0, each) for each in ids]
    after = _place(behind) if behind else None
    return engine.by_relevance(question, after=after, limit=PAGE_SIZE + 1)


def _place(text: str) -> Place:
    found = _PLACE.fullmatch(text)
    score = float(found[1]) if found else 0.0
    # What is farther out no engine gives, and PostgreSQL's short numbers do not hold.
    if found is None or not (score == 0 or 1e-35 < abs(score) < 1e30):
        raise BadAddress(text)
    return Place(score, int(found[2]))
