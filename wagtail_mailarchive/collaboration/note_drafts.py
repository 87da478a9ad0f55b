"""Notes that wait until their author has signed in again: kept as comments are."""

from __future__ import annotations

from django.http import HttpRequest

from ..models import EmailMessagePage
from . import drafts
from .comment_places import asked_key
from .drafts import Draft


def keep(page: EmailMessagePage, request: HttpRequest, annotation_id: int | None = None) -> None:
    """Keep the note that was sent.

    Args:
        annotation_id: the note that this replies to, or that it or a reply of it is changed;
            None for a new note on the passage that stands in the address.
    """
    draft = Draft(
        text=request.POST.get("note", "").replace("\x00", ""),
        edits=asked_key(request.POST.get("edit", "")),
        is_private=request.POST.get("visibility") != "folder",
    )
    if draft.text:
        drafts.keep(request, _place(page, request, annotation_id), draft)


def kept(
    page: EmailMessagePage, request: HttpRequest, annotation_id: int | None = None
) -> Draft | None:
    """Return what was kept; None where something is being sent, which is newer."""
    if request.method == "POST":
        return None
    return drafts.kept(request, _place(page, request, annotation_id))


def forget(page: EmailMessagePage, request: HttpRequest, annotation_id: int | None = None) -> None:
    """Forget what was kept: it is saved."""
    drafts.forget(request, _place(page, request, annotation_id))


def _place(page: EmailMessagePage, request: HttpRequest, annotation_id: int | None) -> str:
    if annotation_id is not None:
        return f"{page.pk} note {annotation_id}"
    start, end = (request.GET.get(name, "")[:9] for name in ("start", "end"))
    return f"{page.pk} passage {start} {end}"
