"""Routes of comments below a message page; each view takes `(page, request, ...)`.

They are served by the page, so that its privacy holds for each. All that change something are
POSTs, answered by leading back to the message; what could not be taken is kept for another try.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from ..models import Comment, CommentState, EmailMessagePage
from . import comments, drafts
from .comment_form import CommentForm
from .comment_listing import portion_of
from .comment_places import FORM, SECTION, anchor, asked_key, draft_place
from .comment_rules import (
    MOST_REPLIES,
    can_edit,
    is_closed,
    is_own,
    is_too_fast,
    may_comment,
    remember_own,
    too_late,
)
from .drafts import Draft


def write(page: EmailMessagePage, request: HttpRequest) -> HttpResponse:
    """Take a new comment, for those who may; who has to sign in before finds it there then.

    Raises:
        PermissionDenied: the reader may not comment here.
    """
    address = _address(page, request)
    if request.method in ("GET", "HEAD"):
        # Where signing in leads that was asked for on the way here.
        return redirect(f"{address}#{SECTION}")
    if request.method != "POST":
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    draft = Draft(
        text=request.POST.get("text", "").replace("\x00", ""),
        name=request.POST.get("name", "").replace("\x00", ""),
        parent=asked_key(request.POST.get("parent", "")),
    )
    user = request.user
    if not may_comment(page.folder, user):
        if user.is_authenticated or is_closed(page.folder):
            raise PermissionDenied
        drafts.keep(request, draft_place(page), draft)
        return sign_in(f"{address}#{FORM}")
    form = CommentForm(request.POST, message=page, is_guest=not user.is_authenticated)
    parent = _parent(page, draft)
    problems = [*form.problems(), *_refusals(page, request, draft, parent)]
    if problems:
        return _again(request, page, draft, problems, f"{address}#{FORM}")
    text = form.cleaned_data["text"]
    comment = _written_before(page, request, text) or comments.post(
        page, request, text, name=form.cleaned_data["name"], parent=parent
    )
    if comment.is_guest:
        remember_own(request, comment)
    drafts.forget(request, draft_place(page))
    _say(request, comment)
    return redirect(portion_of(comment, request, address) or address)


def show(page: EmailMessagePage, request: HttpRequest, comment_id: int) -> HttpResponse:
    """Lead to a comment, wherever it stands now.

    Raises:
        Http404: there is none that the reader may see.
    """
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    place = portion_of(_comment(page, comment_id), request, _address(page, request))
    if place is None:
        raise Http404
    return redirect(place)


def change(page: EmailMessagePage, request: HttpRequest, comment_id: int) -> HttpResponse:
    """Replace the text of one's own comment, within its first minutes; as `write` does.

    Raises:
        PermissionDenied: it is somebody else's, or the reader may not comment any more.
    """
    if request.method in ("GET", "HEAD"):
        # Where signing in leads that was asked for on the way here.
        return show(page, request, comment_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    comment = _comment(page, comment_id)
    address = _address(page, request)
    place = f"{address}?comments={comment.parent_id or comment.pk}"
    if not (request.user.is_authenticated or comment.is_guest or is_closed(page.folder)):
        keep_change(page, request, comment_id)
        return sign_in(f"{place}#{anchor(comment.pk)}")
    if not is_own(comment, request) or not may_comment(page.folder, request.user):
        raise PermissionDenied
    text = request.POST.get("text", "").replace("\x00", "")
    if not can_edit(comment, request):
        draft = Draft(text=text, parent=comment.parent_id)
        return _again(request, page, draft, [too_late()], f"{address}#{FORM}")
    # What protects from machines was asked when it was written.
    form = CommentForm(request.POST, message=page, is_guest=False)
    form.full_clean()
    problems = [str(each) for each in form.errors.get("text", [])]
    if problems:
        draft = Draft(text=text, edits=comment.pk)
        return _again(request, page, draft, problems, f"{place}#{anchor(comment.pk)}")
    comments.edit(comment, request.user, form.cleaned_data["text"])
    drafts.forget(request, draft_place(page))
    _say(request, comment)
    return redirect(f"{place}#{anchor(comment.pk)}")


def delete(page: EmailMessagePage, request: HttpRequest, comment_id: int) -> HttpResponse:
    """Delete one's own comment.

    Raises:
        PermissionDenied: it is somebody else's.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    comment = _comment(page, comment_id)
    if not is_own(comment, request):
        raise PermissionDenied
    comments.delete(Comment.objects.filter(pk=comment.pk))
    messages.success(
        request, _("The comment is deleted."), extra_tags="comments", fail_silently=True
    )
    return redirect(f"{_address(page, request)}#{SECTION}")


def decide(page: EmailMessagePage, request: HttpRequest, comment_id: int) -> HttpResponse:
    """Let a comment be shown, or reject it, for those who moderate the folder.

    Raises:
        PermissionDenied: the reader does not.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    user: Any = request.user
    if (
        not user.is_authenticated
        or not page.folder.permissions_for_user(user).can_moderate_comments()
    ):
        raise PermissionDenied
    comment = _comment(page, comment_id)
    wish = request.POST.get("decision")
    if wish not in ("approve", "reject"):
        raise Http404
    comments.decide(Comment.objects.filter(pk=comment.pk), user, approved=wish == "approve")
    said = _("The comment is shown.") if wish == "approve" else _("The comment is rejected.")
    messages.success(request, said, extra_tags="comments", fail_silently=True)
    return redirect(f"{_address(page, request)}#{SECTION}")


def keep_draft(page: EmailMessagePage, request: HttpRequest) -> None:
    """Keep what was sent to `write`, of whom the page asks to sign in first."""
    draft = Draft(
        text=request.POST.get("text", "").replace("\x00", ""),
        parent=asked_key(request.POST.get("parent", "")),
    )
    if draft.text:
        drafts.keep(request, draft_place(page), draft)


def keep_change(page: EmailMessagePage, request: HttpRequest, comment_id: int) -> None:
    """Keep what was sent to `change`, likewise."""
    text = request.POST.get("text", "").replace("\x00", "")
    if text:
        drafts.keep(request, draft_place(page), Draft(text=text, edits=comment_id))


def sign_in(following: str) -> HttpResponse:
    """Lead to the site's page for signing in, the one that Wagtail's privacy uses."""
    page = getattr(settings, "WAGTAIL_FRONTEND_LOGIN_URL", reverse("wagtailcore_login"))
    return redirect_to_login(following, page)


def _refusals(
    page: EmailMessagePage, request: HttpRequest, draft: Draft, parent: Comment | None
) -> list[str]:
    if draft.parent is not None and parent is None:
        return [_("The comment that you reply to is not there any more.")]
    if parent is not None and _replies(parent) >= MOST_REPLIES:
        return [_("This conversation is full. Write a comment of its own.")]
    if is_too_fast(page, request):
        return [_("There were many comments in a short time. Please try again in a few minutes.")]
    return []


def _replies(parent: Comment) -> int:
    return Comment.objects.filter(parent=parent.parent_id or parent.pk).count()


def _parent(page: EmailMessagePage, draft: Draft) -> Comment | None:
    if draft.parent is None:
        return None
    there = Comment.objects.filter(message=page, state=CommentState.SHOWN)
    return there.filter(pk=draft.parent).first()


def _written_before(page: EmailMessagePage, request: HttpRequest, text: str) -> Comment | None:
    """Return the latest comment here if it is the reader's and says the same: a second click."""
    latest = Comment.objects.filter(message=page).order_by("-pk").first()
    if latest is None or latest.text != text or not can_edit(latest, request):
        return None
    return latest


def _again(
    request: HttpRequest, page: EmailMessagePage, draft: Draft, problems: list[str], place: str
) -> HttpResponse:
    drafts.keep(request, draft_place(page), replace(draft, problems=problems))
    return redirect(place)


def _say(request: HttpRequest, comment: Comment) -> None:
    if comment.state == CommentState.HELD:
        said = _("Thank you. Your comment is shown to others once a moderator has approved it.")
    else:
        said = _("Your comment is shown.")
    messages.success(request, said, extra_tags="comments", fail_silently=True)


def _comment(page: EmailMessagePage, comment_id: int) -> Comment:
    return get_object_or_404(Comment.objects.select_related("author"), pk=comment_id, message=page)


def _address(page: EmailMessagePage, request: HttpRequest) -> str:
    return page.get_url(request) or request.path
