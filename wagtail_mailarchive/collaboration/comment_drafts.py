"""What somebody wrote and could not send yet: kept in their session until it is sent.

So nothing that was typed is lost by a mistake in the form or by signing in on the way.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from django.http import HttpRequest

_KEY = "mailarchive_comment_drafts"
_MOST = 5  # messages
_MOST_TEXT = 10_000  # characters: more than a comment may have, so that it can be shortened


@dataclass(frozen=True, slots=True)
class Draft:
    """A comment as it was typed.

    Attributes:
        parent: the comment that it replies to; None for none.
        edits: the comment that it changes; None for a new one.
        problems: sentences that say why it was not sent.
    """

    text: str
    name: str = ""
    parent: int | None = None
    edits: int | None = None
    problems: list[str] = field(default_factory=list)


def keep(request: HttpRequest, message_id: int, draft: Draft) -> None:
    """Keep `draft` as the session's only one on this message."""
    drafts = dict(request.session.get(_KEY, {}))
    drafts.pop(str(message_id), None)
    values = asdict(draft) | {"text": draft.text[:_MOST_TEXT], "name": draft.name[:200]}
    kept = [*drafts.items(), (str(message_id), values)][-_MOST:]
    request.session[_KEY] = dict(kept)


def kept(request: HttpRequest, message_id: int) -> Draft | None:
    """Return the session's draft on this message."""
    values = request.session.get(_KEY, {}).get(str(message_id))
    return Draft(**values) if values else None


def forget(request: HttpRequest, message_id: int) -> None:
    """Forget the draft on this message, if there is one."""
    drafts = dict(request.session.get(_KEY, {}))
    if drafts.pop(str(message_id), None) is not None:
        request.session[_KEY] = drafts
