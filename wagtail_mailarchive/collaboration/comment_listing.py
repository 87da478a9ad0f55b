"""The comments of a message as one reader sees them, a page at a time.

`?comments=` in the address says from which comment on, `?reply=` which one is being replied to and
`?edit=` which one is being changed; what leads nowhere is left alone. The form is in `shown_form`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..models import Comment, CommentState, EmailMessagePage
from ..models.comment import comment_counts
from .comment_places import FORM, SECTION, anchor, asked_key, draft_place, permalink
from .comment_reader import Reader
from .comment_rules import can_edit, is_own
from .comment_text import comment_as_html
from .drafts import Draft, kept
from .shown_form import CommentForm, form_for, refusal

PAGE_SIZE: Final = 25  # comments that are no replies


@dataclass(frozen=True, slots=True)
class Shown:
    """A comment as it is shown.

    Attributes:
        gone: a sentence where its words are not shown any more, else "".
        is_held: only its author and moderators see it.
        text: safe HTML.
        own_text: as typed, where it is being changed here.
        address: leads to it for good.
        reply_address, edit_address: "" where that may not be done.
        can_delete, can_decide: whether the reader may delete it, as its author; let it be shown
            or reject it, as a moderator.
        problems: why a change of it was not taken.
    """

    comment: Comment
    anchor: str
    address: str
    gone: str
    is_held: bool
    is_own: bool
    text: SafeString
    reply_address: str = ""
    edit_address: str = ""
    can_delete: bool = False
    can_decide: bool = False
    is_edited: bool = False
    own_text: str = ""
    problems: list[str] = field(default_factory=list)
    replies: list[Shown] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Discussion:
    """All that a message's page shows of comments.

    Attributes:
        number: of comments that everybody sees who may read the message.
        form: None where the reader cannot comment; `refusal` says why, "" where nothing is to say.
        first_address, later_address: of other pages of comments; "" for none.
    """

    number: int
    comments: list[Shown]
    form: CommentForm | None
    refusal: str
    first_address: str
    later_address: str
    address: str
    anchor: str = SECTION

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show at all."""
        return not (self.comments or self.number or self.form or self.refusal)


def discussion(
    page: EmailMessagePage, request: HttpRequest, address: str, *, has_some: bool = True
) -> Discussion:
    """Return what is shown of comments on `page` (at most five queries and those of permissions).

    Args:
        address: of `page`.
        has_some: whether there may be comments, in whatever state.
    """
    reader = Reader(page, request)
    asked = asked_key(request.GET.get("comments", ""))
    top, further = _top(page, reader, asked) if has_some else ([], None)
    comments = _shown(top, page, reader, address) if top else []
    number = _count(page, len(top), further, asked) if has_some else 0
    return Discussion(
        number=number,
        comments=comments,
        form=form_for(page, reader, address),
        refusal=refusal(reader, bool(comments)),
        first_address=f"{address}#{SECTION}" if asked else "",
        later_address=f"{address}?{urlencode({'comments': further})}#{SECTION}" if further else "",
        address=address,
    )


def portion_of(comment: Comment, request: HttpRequest, address: str) -> str | None:
    """Return the address of the page that shows `comment`; None if this reader sees none of it."""
    page = comment.message
    reader = Reader(page, request)
    if not reader.seen(Comment.objects.filter(pk=comment.pk)).exists():
        return None
    place = comment.parent_id or comment.pk
    before = reader.standing(page).filter(pk__lt=place).order_by()
    # On the first page, unless it stands further on.
    is_first = before[:PAGE_SIZE].count() < PAGE_SIZE
    query = "" if is_first else f"?{urlencode({'comments': place})}"
    return f"{address}{query}#{anchor(comment.pk)}"


def _top(
    page: EmailMessagePage, reader: Reader, asked: int | None
) -> tuple[list[Comment], int | None]:
    standing = reader.standing(page)
    if asked is not None:
        standing = standing.filter(pk__gte=asked)
    found = list(standing.order_by("pk")[: PAGE_SIZE + 1])
    return found[:PAGE_SIZE], found[PAGE_SIZE].pk if len(found) > PAGE_SIZE else None


def _count(page: EmailMessagePage, here: int, further: int | None, asked: int | None) -> int:
    if not here and not further and asked is None:
        return 0
    return comment_counts([page.pk]).get(page.pk, 0)


def _shown(top: list[Comment], page: EmailMessagePage, reader: Reader, address: str) -> list[Shown]:
    replies: defaultdict[int | None, list[Comment]] = defaultdict(list)
    below = reader.seen(Comment.objects.filter(parent__in=[each.pk for each in top]))
    for each in below.order_by("pk"):
        replies[each.parent_id].append(each)
    mentioned = _mentioned([*top, *(each for some in replies.values() for each in some)])
    draft = kept(reader.request, draft_place(page))
    edited = draft.edits if draft and draft.edits else asked_key(reader.request.GET.get("edit", ""))

    def one(comment: Comment, answers: list[Shown]) -> Shown:
        return _one(comment, answers, reader, address, mentioned, draft, edited)

    return [one(each, [one(reply, []) for reply in replies[each.pk]]) for each in top]


def _one(
    comment: Comment,
    replies: list[Shown],
    reader: Reader,
    address: str,
    mentioned: Mapping[int, Collection[str]],
    draft: Draft | None,
    edited: int | None,
) -> Shown:
    request = reader.request
    own = is_own(comment, request)
    is_seen = comment.state == CommentState.SHOWN or (
        comment.state == CommentState.HELD and (own or reader.moderates)
    )
    if not is_seen:
        return Shown(
            comment=comment,
            anchor=anchor(comment.pk),
            address=permalink(comment, address),
            gone=_gone(comment),
            is_held=False,
            is_own=False,
            text=SafeString(""),
            replies=replies,
        )
    editable = can_edit(comment, request)
    is_edited = editable and comment.pk == edited
    takes_replies = reader.may_comment and comment.state == CommentState.SHOWN
    of_this = draft if draft and draft.edits == comment.pk else None
    return Shown(
        comment=comment,
        anchor=anchor(comment.pk),
        address=permalink(comment, address),
        gone="",
        is_held=comment.state == CommentState.HELD,
        is_own=own,
        text=comment_as_html(comment.text, mentioned.get(comment.pk, ())),
        reply_address=(
            f"{address}?{urlencode({'reply': comment.pk})}#{FORM}" if takes_replies else ""
        ),
        edit_address=(
            f"{address}?{_at(comment)}{urlencode({'edit': comment.pk})}#{anchor(comment.pk)}"
            if editable
            else ""
        ),
        can_delete=own,
        can_decide=reader.moderates,
        is_edited=is_edited,
        own_text=(of_this.text if of_this else comment.text) if is_edited else "",
        problems=of_this.problems if of_this else [],
        replies=replies,
    )


def _at(comment: Comment) -> str:
    return f"comments={comment.parent_id or comment.pk}&"


def _gone(comment: Comment) -> str:
    match comment.state:
        case CommentState.REJECTED:
            return _("A moderator removed this comment.")
        case CommentState.HELD:
            return _("This comment waits for a moderator.")
        case _state:
            return _("This comment was deleted.")


def _mentioned(comments: list[Comment]) -> Mapping[int, Collection[str]]:
    """Return the user names that comments mention (one query, none where no sign of it is)."""
    signed = [each.pk for each in comments if "@" in each.text]
    found: defaultdict[int, set[str]] = defaultdict(set)
    if signed:
        notices = Comment.objects.filter(pk__in=signed, mentions__isnull=False)
        names = notices.values_list("pk", f"mentions__recipient__{get_user_model().USERNAME_FIELD}")
        for pk, name in names:
            found[pk].add(name)
    return found
