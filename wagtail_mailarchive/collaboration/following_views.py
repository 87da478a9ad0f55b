"""Pages on which readers say what they follow, see all of it, and end it; each sees only theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from ..conf import archive_settings
from ..models import Delivery, EmailFolderPage, EmailMessagePage, Follow, Pace, SavedSearch, Thread
from ..models.follow import MOST
from ..models.privacy import readable, readable_folders
from .following import begin, next_due
from .mail_readers import request_of

# A mail server may take its time; what is begun longer ago has not been noted as sent.
LOST_AFTER = timedelta(hours=1)


class FollowForm(forms.ModelForm):  # type: ignore[type-arg]
    """What somebody wants to be told, and how often."""

    class Meta:
        model = Follow
        fields = ("mail", "comments", "pace")
        widgets = {"pace": forms.RadioSelect}

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if not values.get("mail") and not values.get("comments"):
            raise forms.ValidationError(_("Choose new mail, comments, or both."))
        return values


@dataclass(frozen=True, slots=True)
class Subject:
    """What is, or is to be, followed.

    Attributes:
        follow: with its place; saved if it is followed already.
        title, address: of what is followed; both "" where the reader may not see it any more.
    """

    follow: Follow
    title: str
    address: str


@login_required
def follow(request: HttpRequest) -> HttpResponse:
    """Show how the reader follows a folder, a thread or a saved search, and change it.

    Raises:
        Http404: there is no such thing, or the reader may not read it.
    """
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    subject = _asked(request)
    known = subject.follow
    form = FollowForm(request.POST if request.method == "POST" else None, instance=known)
    if request.method == "POST" and form.is_valid():
        return _keep(request, subject, form)
    context = {
        "subject": subject,
        "form": form,
        "is_followed": known.pk is not None,
        "is_search": known.search is not None,
        "is_thread": known.message is not None,
        "lacks_address": not getattr(request.user, "email", ""),
        "is_unmailable": not _can_be_mailed(known, request),
    }
    return _page(request, "wagtail_mailarchive/follow_page.html", context)


@login_required
def following(request: HttpRequest) -> HttpResponse:
    """Show all that the reader follows."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    return _page(
        request,
        "wagtail_mailarchive/following_page.html",
        {
            "followed": _followed(request),
            "paces": Pace,
            "lacks_address": not getattr(request.user, "email", ""),
        },
    )


@require_POST
@login_required
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    """End following something."""
    get_object_or_404(Follow, pk=pk, reader=request.user.pk).delete()
    messages.success(request, _("You do not follow it any more."), fail_silently=True)
    return redirect("wagtail_mailarchive:following")


@csrf_exempt
def unfollow(request: HttpRequest, token: str) -> HttpResponse:
    """End what a mail was sent about; whoever holds the mail may, signed in or not.

    Asking for the address only shows a button, because programs look at what is behind links. The
    POST needs no session and no token against forgery (RFC 8058, section 3.1): the address is the
    secret. Of what was followed nothing is said.
    """
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    known = Follow.objects.filter(token=token)
    if request.method == "POST":
        known.delete()
    response = _page(
        request, "wagtail_mailarchive/unfollow_page.html", {"is_followed": known.exists()}
    )
    # The address is not for others.
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    base = archive_settings().BASE_TEMPLATE
    response = TemplateResponse(request, template, {"base_template": base, **context})
    patch_cache_control(response, private=True, no_store=True)
    return response


def _asked(request: HttpRequest) -> Subject:
    """Return what the address names.

    Raises:
        Http404: nothing, or what the reader may not read.
    """
    given = {
        name: request.GET[name] for name in ("folder", "thread", "search") if name in request.GET
    }
    if len(given) != 1:
        raise Http404
    [(kind, value)] = given.items()
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise Http404
    mine = Follow.objects.filter(reader=request.user.pk)
    if kind == "search":
        search = get_object_or_404(
            SavedSearch.objects.select_related("folder"), pk=int(value), owner=request.user.pk
        )
        if search.folder_id is not None:
            _folder(search.folder_id, request)
        found = mine.filter(search=search).first()
        fresh = Follow(search=search, folder=search.folder)
        return _subject(found or fresh, request, search.name, reverse("wagtail_mailarchive:search"))
    if kind == "folder":
        folder = _folder(int(value), request)
        found = mine.filter(folder=folder, message=None, search=None).first()
        address = folder.get_url(request) or ""
        return _subject(found or Follow(folder=folder), request, folder.title, address)
    thread = get_object_or_404(Thread, pk=int(value))
    folder = _folder(thread.folder_id, request)
    inside = readable(EmailMessagePage.objects.filter(thread=thread), request)
    first = inside.order_by("sorted_at", "pk").first()
    if first is None:
        raise Http404
    found = mine.filter(message__thread=thread).first()
    address = f"{(folder.get_url(request) or '').rstrip('/')}/thread/{thread.pk}/"
    fresh = Follow(folder=folder, message=first)
    return _subject(found or fresh, request, first.display_subject, address)


def _subject(follow: Follow, request: HttpRequest, title: str, address: str) -> Subject:
    follow.reader = cast(Any, request.user)
    return Subject(follow, title, address)


def _folder(pk: int, request: HttpRequest) -> EmailFolderPage:
    if pk not in readable_folders(request):
        raise Http404
    folder: EmailFolderPage = EmailFolderPage.objects.get(pk=pk)
    return folder


def _can_be_mailed(follow: Follow, request: HttpRequest) -> bool:
    """Whether the reader may read it without a password, of which a mail knows nothing."""
    folders = readable_folders(request_of(request.user))
    return follow.folder_id in folders if follow.folder_id else True


def _keep(request: HttpRequest, subject: Subject, form: FollowForm) -> HttpResponse:
    follow: Follow = form.save(commit=False)
    if not follow._state.adding:
        # What it was told of until now stays; only what is chosen changes.
        follow.due_at = next_due(follow, timezone.now())
        follow.save(update_fields=["mail", "comments", "pace", "due_at"])
    elif Follow.objects.filter(reader=request.user.pk).count() >= MOST:
        sentence = _("You follow %(number)s things; end one of them before.") % {"number": MOST}
        messages.error(request, sentence, fail_silently=True)
        return redirect("wagtail_mailarchive:following")
    else:
        try:
            with transaction.atomic():
                begin(follow)
        except IntegrityError:
            # Sent twice: the first time counted.
            return redirect("wagtail_mailarchive:following")
    messages.success(
        request,
        _("You follow “%(title)s”.") % {"title": subject.title[:120]},
        fail_silently=True,
    )
    return redirect("wagtail_mailarchive:following")


def _subjects(threads: Sequence[int], request: HttpRequest) -> dict[int | None, str]:
    """Return, by the keys of threads, the subject of the first message that is readable there."""
    inside = readable(EmailMessagePage.objects.filter(thread=OuterRef("pk")), request)
    first = inside.order_by("sorted_at", "pk").values("pk")[:1]
    found = Thread.objects.filter(pk__in=threads).annotate(first=Subquery(first))
    keys = dict(found.values_list("pk", "first"))
    messages = EmailMessagePage.objects.only("subject").in_bulk(keys.values())
    return {
        thread: messages[first].display_subject
        for thread, first in keys.items()
        if first in messages
    }


def _followed(request: HttpRequest) -> list[dict[str, Any]]:
    """Return what the reader follows, newest first, in a number of queries that is constant."""
    mine = Follow.objects.filter(reader=request.user.pk)
    follows = list(mine.select_related("folder", "message", "search"))
    folders = readable_folders(request)
    threads = [each.message.thread_id for each in follows if each.message]
    subjects = _subjects([each for each in threads if each is not None], request)
    lost = Delivery.objects.filter(
        follow__in=follows, try_at=None, sent_at=None, begun_at__lt=timezone.now() - LOST_AFTER
    )
    lost_of = dict(lost.order_by("begun_at").values_list("follow", "begun_at"))
    sent = Delivery.objects.filter(follow__in=follows, sent_at__isnull=False)
    sent_of = dict(sent.order_by("sent_at").values_list("follow", "sent_at"))
    found = []
    for each in follows:
        is_hidden = each.folder_id is not None and each.folder_id not in folders
        kind, title, address, query = "folder", "", "", f"folder={each.folder_id}"
        if each.search is not None:
            kind, query = "search", f"search={each.search.pk}"
            title = each.search.name
        elif each.message is not None:
            kind, query = "thread", f"thread={each.message.thread_id}"
            title = subjects.get(each.message.thread_id, "")
            is_hidden = is_hidden or not title
        elif each.folder is not None and not is_hidden:
            title, address = each.folder.title, each.folder.get_url(request) or ""
        if kind == "thread" and each.folder is not None and not is_hidden:
            base = (each.folder.get_url(request) or "").rstrip("/")
            address = f"{base}/thread/{each.message.thread_id}/" if each.message else ""
        found.append(
            {
                "follow": each,
                "kind": kind,
                "title": "" if is_hidden else title,
                "folder": each.folder.title if each.folder and not is_hidden else "",
                "address": address,
                "change_address": (
                    "" if is_hidden else f"{reverse('wagtail_mailarchive:follow')}?{query}"
                ),
                "sent_at": sent_of.get(each.pk),
                "lost_at": lost_of.get(each.pk),
            }
        )
    return found
