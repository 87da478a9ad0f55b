"""Routes of notes below a message page: choosing a passage, writing, replying, changing.

They are served by the page, so that its privacy holds for each. The passage stands in the address
(`?start=..&end=..`): the script that follows the reader's selection makes such an address, and so
does the list of paragraphs, which needs no script.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _

from ..archive.quotations import Quotation, paragraphs, quote
from ..conf import archive_settings
from ..models import Annotation, EmailMessagePage, MessageText
from ..models.annotation import MAX_NOTE
from . import note_drafts
from .annotation_rules import (
    is_own,
    may_delete,
    may_edit,
    may_reply,
    may_share,
    refusal_of_note,
    refusal_of_reply,
)
from .comment_views import sign_in
from .note_form import NoteForm

PARAGRAPHS: Final = 25  # on a page
_PLACE = re.compile("[0-9]{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Choice:
    """A paragraph that can be chosen."""

    text: str
    address: str


def annotate(page: EmailMessagePage, request: HttpRequest) -> HttpResponse:
    """Let a signed-in reader choose a paragraph, then write about it; a POST saves the note.

    Raises:
        Http404: no such passage.
    """
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if not request.user.is_authenticated:
        if request.method == "POST":
            note_drafts.keep(page, request)
        return sign_in(request.get_full_path())
    text = MessageText.objects.filter(message=page).values_list("body", flat=True).first() or ""
    start, end = _place(request, "start"), _place(request, "end")
    if start is None or end is None:
        if request.method == "POST":
            raise Http404
        return _choose(page, request, text)
    passage = quote(text, start, end)
    if passage is None:
        raise Http404
    problems = _save(page, request, passage) if request.method == "POST" else []
    if isinstance(problems, Annotation):
        note_drafts.forget(page, request)
        messages.success(request, _("The note is saved."), extra_tags="notes", fail_silently=True)
        return redirect(_beside(page, request, problems))
    query = urlencode({"start": passage.start, "end": passage.end})
    draft = note_drafts.kept(page, request)
    context = {
        "heading": _("Write a note"),
        "passage": passage,
        "action": f"{_address(page, request)}annotations/?{query}",
        "problems": problems,
        "note": draft.text if draft else request.POST.get("note", ""),
        "is_private": draft.is_private if draft else request.POST.get("visibility") == "private",
        "may_share": may_share(page.folder, request.user),
        "max_note": MAX_NOTE,
        "other_address": f"{_address(page, request)}annotations/",
    }
    return _render(page, request, "wagtail_mailarchive/email_note_write.html", context)


def note(page: EmailMessagePage, request: HttpRequest, annotation_id: int) -> HttpResponse:
    """Show a note with its replies; a POST replies, changes or deletes.

    Raises:
        Http404: there is none that the reader may see.
        PermissionDenied: the reader may not do this.
    """
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if request.method == "POST" and not request.user.is_authenticated:
        note_drafts.keep(page, request, annotation_id)
        return sign_in(request.path)
    visible = Annotation.objects.visible_to(request.user).filter(message=page)
    annotation = get_object_or_404(visible.notes(), pk=annotation_id)
    replies = list(visible.filter(parent=annotation).order_by("pk"))
    if request.method == "POST":
        return _change(page, request, annotation, replies)
    return _show(page, request, annotation, replies)


def _show(
    page: EmailMessagePage,
    request: HttpRequest,
    annotation: Annotation,
    replies: list[Annotation],
    problems: Sequence[str] = (),
) -> HttpResponse:
    user = request.user
    rows = [
        (each, may_edit(each, user), may_delete(each, page.folder, user))
        for each in (annotation, *replies)
    ]
    # It may be shown again only to those who signed in since.
    draft = note_drafts.kept(page, request, annotation.pk) if user.is_authenticated else None
    edited = str(draft.edits or "") if draft else request.POST.get("edit", "")
    problems = list(problems)
    if edited and edited not in {str(each.pk) for each, can_edit, _can_delete in rows if can_edit}:
        # Its time ended while its author signed in, or wrote.
        edited = ""
        problems.append(_("That reply cannot be changed any more. What you wrote stands below."))
    context = {
        "heading": _("Note"),
        "annotation": annotation,
        "address": f"{_address(page, request)}annotations/{annotation.pk}/",
        "message_page_address": _beside(page, request, annotation),
        "rows": rows,
        "can_reply": may_reply(annotation, page.folder, user),
        "problems": problems,
        "typed": draft.text if draft else request.POST.get("note", ""),
        "typed_for": edited,
        "max_note": MAX_NOTE,
    }
    return _render(page, request, "wagtail_mailarchive/email_note_page.html", context)


def _choose(page: EmailMessagePage, request: HttpRequest, text: str) -> HttpResponse:
    after = _place(request, "after") or 0
    found = paragraphs(text, after=after, most=PARAGRAPHS + 1)
    base = f"{_address(page, request)}annotations/"
    context = {
        "heading": _("Choose a paragraph"),
        "description": _(
            "Your note will stand beside the paragraph that you choose. "
            "In the message’s text you can also select any words."
        ),
        "choices": [
            Choice(each.exact, f"{base}?{urlencode({'start': each.start, 'end': each.end})}")
            for each in found[:PARAGRAPHS]
        ],
        "is_first": not after,
        "first_address": base,
        "further_address": (
            f"{base}?after={found[PARAGRAPHS].start}" if len(found) > PARAGRAPHS else ""
        ),
    }
    return _render(page, request, "wagtail_mailarchive/email_note_choose.html", context)


# -- writing ---------------------------------------------------------------------------------


def _save(
    page: EmailMessagePage, request: HttpRequest, passage: Quotation
) -> Annotation | list[str]:
    """Save a new note; return it, or why it cannot be saved."""
    if request.POST.get("exact", "").replace("\r\n", "\n") != passage.exact:
        # The text was read anew in between, or somebody else made the form.
        return [_("The text has changed. Look at the passage again before you save.")]
    is_private = request.POST.get("visibility") != "folder"
    if not is_private and not may_share(page.folder, request.user):
        raise PermissionDenied
    form = NoteForm(request)
    refusal = refusal_of_note(page, request.user, is_private=is_private)
    if not form.is_valid() or refusal:
        return [*form.problems(), *filter(None, [refusal])]
    own = Annotation.objects.notes().filter(message=page, author=request.user.pk)
    latest = own.order_by("-pk").first()
    if latest is not None and (latest.note, latest.start, latest.end, latest.is_private) == (
        form.cleaned_data["note"],
        passage.start,
        passage.end,
        is_private,
    ):
        # A second click.
        return latest
    return Annotation.objects.create(
        **_by(request),
        **_on(page),
        is_private=is_private,
        exact=passage.exact,
        prefix=passage.prefix,
        suffix=passage.suffix,
        start=passage.start,
        end=passage.end,
        note=form.cleaned_data["note"],
    )


def _change(
    page: EmailMessagePage,
    request: HttpRequest,
    annotation: Annotation,
    replies: list[Annotation],
) -> HttpResponse:
    """Do what one of the buttons asks for: `delete` and `edit` name a row, else it is a reply."""
    by_key = {str(each.pk): each for each in (annotation, *replies)}
    if "delete" in request.POST:
        chosen = by_key.get(request.POST["delete"])
        return _delete(page, request, chosen, has_replies=bool(replies))
    if "edit" in request.POST:
        chosen = by_key.get(request.POST["edit"])
        if chosen is None or not is_own(chosen, request.user) or chosen.deleted_at is not None:
            raise PermissionDenied
        if not may_edit(chosen, request.user):
            return _show(page, request, annotation, replies)
        form = NoteForm(request)
        if not form.is_valid():
            return _show(page, request, annotation, replies, form.problems())
        changed = Annotation.objects.filter(pk=chosen.pk, deleted_at=None)
        changed.update(note=form.cleaned_data["note"], edited_at=timezone.now())
        note_drafts.forget(page, request, annotation.pk)
        messages.success(request, _("The note is changed."), extra_tags="notes", fail_silently=True)
        return redirect(request.path)
    if not may_reply(annotation, page.folder, request.user):
        raise PermissionDenied
    form = NoteForm(request)
    refusal = refusal_of_reply(annotation, request.user)
    if not form.is_valid() or refusal:
        return _show(
            page, request, annotation, replies, [*form.problems(), *filter(None, [refusal])]
        )
    Annotation.objects.create(
        **_by(request),
        **_on(page),
        parent=annotation,
        is_private=annotation.is_private,
        note=form.cleaned_data["note"],
    )
    note_drafts.forget(page, request, annotation.pk)
    messages.success(request, _("The reply is saved."), extra_tags="notes", fail_silently=True)
    return redirect(request.path)


@transaction.atomic
def _delete(
    page: EmailMessagePage, request: HttpRequest, chosen: Annotation | None, *, has_replies: bool
) -> HttpResponse:
    if chosen is None or not may_delete(chosen, page.folder, request.user):
        raise PermissionDenied
    messages.success(request, _("The note is deleted."), extra_tags="notes", fail_silently=True)
    if chosen.parent_id is not None:
        chosen.delete()
        return redirect(request.path)
    # A note that others answered leaves its place, so that their words still make sense.
    if has_replies and not chosen.is_private:
        Annotation.objects.filter(pk=chosen.pk).update(note="", deleted_at=timezone.now())
    else:
        chosen.delete()
    return redirect(f"{_address(page, request)}#mailarchive-notes-title")


def _by(request: HttpRequest) -> dict[str, Any]:
    user: Any = request.user
    name = user.get_full_name() or user.get_username()
    return {"author_id": user.pk, "author_name": name[:100]}


def _on(page: EmailMessagePage) -> dict[str, Any]:
    return {
        "message": page,
        "folder_id": page.folder_id,
        "original_sha256": page.original.sha256,
    }


# -- pages -----------------------------------------------------------------------------------


def _render(
    page: EmailMessagePage, request: HttpRequest, template: str, context: dict[str, Any]
) -> HttpResponse:
    whole = {
        **page.get_context(request),
        "base_template": archive_settings().BASE_TEMPLATE,
        "message_page_address": _address(page, request),
        **context,
    }
    response = TemplateResponse(request, template, whole)
    # What is shown depends on the reader, and search engines have the message itself.
    patch_cache_control(response, private=True)
    response["X-Robots-Tag"] = "noindex"
    return response


def _beside(page: EmailMessagePage, request: HttpRequest, annotation: Annotation) -> str:
    return f"{_address(page, request)}#note-{annotation.pk}"


def _address(page: EmailMessagePage, request: HttpRequest) -> str:
    address: str = page.get_url(request) or request.path
    return address if address.endswith("/") else f"{address}/"


def _place(request: HttpRequest, name: str) -> int | None:
    """Return a place in the text that stands in the address; None if there is none.

    Raises:
        Http404: it is no number.
    """
    given = request.GET.get(name)
    if given is None:
        return None
    if not _PLACE.fullmatch(given):
        raise Http404
    return int(given)
