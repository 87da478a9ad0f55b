"""What is new to somebody who follows something, by what they may read at this moment.

It is found by each folder's chain, whose entries are numbered in the order in which mail came in:
what has come since a number is as quickly found in a large folder as in a small one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import nlargest
from typing import Any, Final

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext as _

from ..archive.search import Query, Question, database_backend, parse
from ..archive.search.folder_names import is_named
from ..models import (
    ChainEntry,
    Comment,
    CommentState,
    Delivery,
    EmailFolderPage,
    EmailMessagePage,
    Follow,
    MessageText,
    Original,
)
from ..models.privacy import readable, readable_folders
from ..models.unindexed import of_folders, unindexed
from .mail_readers import request_of, zone_of
from .own_mail import without_own

SHOWN: Final = 20  # of each kind in one mail
# Of more new messages than that a search is asked about the newest ones alone.
MOST_SEARCHED: Final = 5_000
_COLUMNS = (
    *("slug", "subject", "sender_name", "sender_address", "sorted_at", "snippet"),
    *("folder_id", "thread_id"),
)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that a mail tells of; `address` is whole."""

    message: EmailMessagePage
    folder: str
    address: str


@dataclass(frozen=True, slots=True)
class NewComment:
    """A comment that a mail tells of; `address` is whole, and that of its message."""

    comment: Comment
    subject: str
    address: str


@dataclass(frozen=True, slots=True)
class News:
    """What a mail tells.

    Attributes:
        messages, comments: the newest of each.
        message_count, comment_count: of all.
        is_cut: more messages came than the search was asked about.
    """

    messages: list[NewMessage] = field(default_factory=list)
    comments: list[NewComment] = field(default_factory=list)
    message_count: int = 0
    comment_count: int = 0
    is_cut: bool = False

    def __bool__(self) -> bool:
        return self.message_count + self.comment_count > 0


def tops(folder_id: int | None) -> dict[str, int]:
    """Return folder's key -> number of the last entry in its chain, of one folder or of all.

    One query; each folder costs one look into an index.
    """
    folders = EmailFolderPage.objects.order_by()
    if folder_id is not None:
        folders = folders.filter(pk=folder_id)
    last = ChainEntry.objects.filter(folder=OuterRef("pk")).order_by("-number").values("number")
    found = folders.annotate(top=Subquery(last[:1])).filter(top__isnull=False)
    return {str(pk): top for pk, top in found.values_list("pk", "top")}


def arrivals_of(follow: Follow) -> dict[str, list[int]]:
    """Return, by folder, the entries [after, until] that no mail of `follow` went out about."""
    return {
        folder: [follow.seen.get(folder, 0), top]
        for folder, top in tops(follow.folder_id).items()
        if top > follow.seen.get(folder, 0)
    }


def comments_shown(
    follow: Follow, after: datetime | None, until: datetime | None
) -> QuerySet[Comment]:
    """Return the comments that others wrote there, and that were shown in that time."""
    if after is None or until is None:
        return Comment.objects.none()
    # A held comment is shown when a moderator decided so.
    found = (
        Comment.objects.filter(state=CommentState.SHOWN)
        .alias(shown_at=Coalesce("decided_at", "created_at"))
        .filter(shown_at__gt=after, shown_at__lte=until)
        .exclude(author=follow.reader_id)
    )
    # By no index of messages: from all that a folder or a thread holds to comments the way is far.
    if follow.message is not None:
        thread = unindexed("message__thread")
        return found.alias(own_thread=thread).filter(own_thread=follow.message.thread_id)
    if follow.folder_id is not None:
        folder = unindexed("message__folder")
        return found.alias(own_folder=folder).filter(own_folder=follow.folder_id)
    return found


def news_of(delivery: Delivery) -> News:
    """Return what `delivery` tells: what its reader may read now, and nothing else."""
    follow = delivery.follow
    request = request_of(follow.reader)
    folders = _folders(follow, request)
    query = _query(follow)
    if query is not None:
        folders = {
            pk: each
            for pk, each in folders.items()
            if all(is_named(each[0], name) for name in query.folders)
        }
    whole = News()
    if delivery.arrivals:
        whole = _mail(follow, delivery.arrivals, request, folders, query)
    comments = comments_shown(follow, delivery.comments_after, delivery.comments_until)
    return _with_comments(whole, comments, request, folders, query)


def _folders(follow: Follow, request: HttpRequest) -> dict[int, tuple[EmailFolderPage, str]]:
    """Return those that are followed and may be read, with their whole addresses, by key."""
    keys = readable_folders(request)
    if follow.folder_id is not None:
        keys &= {follow.folder_id}
    pages = EmailFolderPage.objects.filter(pk__in=keys)
    return {page.pk: (page, address) for page in pages if (address := page.full_url)}


def _query(follow: Follow) -> Query | None:
    if follow.search is None:
        return None
    query = parse(follow.search.query, zone_of(follow.reader))
    if follow.folder_id is not None:
        query.folders.clear()
    return query


def _mail(
    follow: Follow,
    arrivals: Mapping[str, Sequence[int]],
    request: HttpRequest,
    folders: Mapping[int, tuple[EmailFolderPage, str]],
    query: Query | None,
) -> News:
    newest: list[tuple[datetime, int]] = []
    count, is_cut = 0, False
    for key, (after, until) in arrivals.items():
        if int(key) not in folders:
            continue
        came = ChainEntry.objects.filter(folder=int(key), number__gt=after, number__lte=until)
        # By the originals' keys, which an index holds beside the folder's.
        originals = Original.objects.filter(sha256__in=came.values("sha256"))
        messages = EmailMessagePage.objects.filter(
            folder=int(key), original__in=originals.values("pk")
        )
        if follow.message is not None:
            messages = messages.filter(thread=follow.message.thread_id)
        messages = without_own(readable(messages, request)).order_by()
        if query is not None:
            matching, was_cut = _matching(messages, int(key), query)
            is_cut = is_cut or was_cut
            messages = EmailMessagePage.objects.filter(pk__in=matching)
        # Sorted here: a database would look for the newest among all mail of the folder.
        found = list(messages.values_list("sorted_at", "pk"))
        count += len(found)
        newest = nlargest(SHOWN, [*newest, *found])
    shown = EmailMessagePage.objects.only(*_COLUMNS).in_bulk([pk for _sorted_at, pk in newest])
    told = [
        NewMessage(each, folders[each.folder_id][0].title, _address(each, folders))
        for each in (shown[pk] for _sorted_at, pk in newest if pk in shown)
    ]
    return News(told, message_count=count, is_cut=is_cut)


def _with_comments(
    whole: News,
    comments: QuerySet[Comment],
    request: HttpRequest,
    folders: Mapping[int, tuple[EmailFolderPage, str]],
    query: Query | None,
) -> News:
    commented = EmailMessagePage.objects.filter(pk__in=comments.values("message"))
    about = of_folders(commented, list(folders))
    messages = readable(about, request).only(*_COLUMNS).in_bulk()
    if query is not None and messages:
        matching: set[int] = set()
        for folder in {each.folder_id for each in messages.values()}:
            inside = of_folders(about, [folder]).order_by()
            matching |= set(_matching(inside, folder, query)[0])
        messages = {pk: each for pk, each in messages.items() if pk in matching}
    found = comments.order_by().values_list("pk", "message")
    allowed = [pk for pk, message in found if message in messages]
    # Sorted here: a database would look for the newest among all comments.
    shown = Comment.objects.in_bulk(nlargest(SHOWN, allowed))
    told = [
        NewComment(
            each,
            messages[each.message_id].display_subject,
            f"{_address(messages[each.message_id], folders)}comments/{each.pk}/",
        )
        for _pk, each in sorted(shown.items(), reverse=True)
    ]
    return replace(whole, comments=told, comment_count=len(allowed))


def _matching(
    messages: QuerySet[EmailMessagePage], folder_id: int, query: Query
) -> tuple[list[int], bool]:
    """Return the keys of those of a folder's `messages` that `query` means.

    And whether there were too many to ask about. The database is asked, since it knows at once of
    what has just come.
    """
    if query.is_empty:
        return [], False
    texts = MessageText.objects.filter(message__in=messages.values("pk")).order_by("-pk")
    keys = dict(texts.values_list("pk", "message_id")[: MOST_SEARCHED + 1])
    asked = sorted(keys)[-MOST_SEARCHED:]
    found = _found(asked, Question.of(query, [folder_id]))
    return [keys[each] for each in found], len(keys) > MOST_SEARCHED


def _found(ids: Sequence[int], question: Question) -> Iterable[int]:
    """Yield those of `ids`, sorted ones of `MessageText`, that `question` finds.

    The index is asked for a stretch of it; where more stands in it that is not asked about than is,
    for each half of it.
    """
    if not ids:
        return
    lowest, highest = max(ids[0], question.lowest), min(ids[-1], question.highest)
    if lowest > highest:
        return
    limit = 2 * len(ids) + 20
    hits: Sequence[Any] = database_backend().by_date(
        replace(question, lowest=lowest, highest=highest), before=None, limit=limit
    )
    if len(hits) < limit or len(ids) == 1:
        yield from set(hits) & set(ids)
        return
    middle = len(ids) // 2
    yield from _found(ids[:middle], question)
    yield from _found(ids[middle:], question)


def _address(message: EmailMessagePage, folders: Mapping[int, tuple[EmailFolderPage, str]]) -> str:
    return f"{folders[message.folder_id][1].rstrip('/')}/{message.slug}/"


def title_of(follow: Follow) -> str:
    """Return what is followed, by the name that its reader may see; "" if they may not."""
    if follow.search is not None:
        return follow.search.name
    request = request_of(follow.reader)
    if follow.folder is None or follow.folder.pk not in readable_folders(request):
        return ""
    if follow.message is None:
        return str(follow.folder.title)
    thread = EmailMessagePage.objects.filter(thread=follow.message.thread_id)
    first = readable(thread, request).order_by("sorted_at", "pk").first()
    if first is None:
        return ""
    return first.subject or _("(no subject)")
