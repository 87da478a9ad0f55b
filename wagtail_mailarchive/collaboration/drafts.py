"""What somebody wrote and could not send yet: kept in their session until it is sent.

So nothing that was typed is lost by a mistake in the form or by signing in on the way.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from django.http import HttpRequest

_KEY = "mailarchive_drafts"
_MOST = 5  # places
# Characters: more than a comment or a note may have, so that it can be shortened.
_MOST_TEXT = 10_000


@dataclass(frozen=True, slots=True)
class Draft:
    """A comment or a note as it was typed.

    Attributes:
        parent: the comment that it replies to; None for none.
        edits: the comment, note or reply that it changes; None for a new one.
        is_private: it is a note for its author alone.
        problems: sentences that say why it was not sent.
    """

    text: str
    name: str = ""
    parent: int | None = None
    edits: int | None = None
    is_private: bool = False
    problems: list[str] = field(default_factory=list)


def keep(request: HttpRequest, place: str, draft: Draft) -> None:
    """Keep `draft` as the session's only one for `place`, a short name of one form."""
    drafts = dict(request.session.get(_KEY, {}))
    drafts.pop(place, None)
    values = asdict(draft) | {"text": draft.text[:_MOST_TEXT], "name": draft.name[:200]}
    kept = [*drafts.items(), (place, values)][-_MOST:]
    request.session[_KEY] = dict(kept)


def kept(request: HttpRequest, place: str) -> Draft | None:
    """Return the session's draft for `place`."""
    values = request.session.get(_KEY, {}).get(place)
    return Draft(**values) if values else None


def forget(request: HttpRequest, place: str) -> None:
    """Forget the draft for `place`, if there is one."""
    drafts = dict(request.session.get(_KEY, {}))
    if drafts.pop(place, None) is not None:
        request.session[_KEY] = drafts
