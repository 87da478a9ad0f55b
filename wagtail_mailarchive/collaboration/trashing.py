"""Moving mail to the trash from where it is read: a message, a thread, or what was chosen.

One address for all of it, outside of the page tree, since what is chosen may be of several
folders. Page privacy and the permission are asked here for each message; what the reader may not
read, or may not move, is left out as if it were not there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.transaction import non_atomic_requests
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..archive import trash
from ..conf import archive_settings
from ..models import EmailFolderPage, EmailMessagePage
from ..models.privacy import readable, readable_folders
from ..models.trash import LONGEST_REASON

MOST_CHOSEN: Final = 200  # messages and threads of one list
MOST_MOVED: Final = 1_000  # messages, those of threads counted
_SHOWN = 5  # subjects


class ReasonForm(forms.Form):
    """Why mail is moved to the trash; it may be left open."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"), required=False, max_length=LONGEST_REASON
    )


@dataclass(frozen=True, slots=True)
class Chosen:
    """What somebody wants to be rid of.

    Attributes:
        message_ids, thread_ids: as given.
        messages: those of them that may be moved, at most one more than `MOST_MOVED`.
    """

    message_ids: Sequence[int]
    thread_ids: Sequence[int]
    messages: Sequence[EmailMessagePage]


@non_atomic_requests
@login_required
def to_trash(request: HttpRequest) -> HttpResponse:
    """Show what was chosen (`message` and `thread`), and move it where that is confirmed (`sure`).

    Not in a transaction of the site's: it is to be committed when this says so.

    Raises:
        Http404: none of it is there, or may be moved by who asks.
    """
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    given = request.POST if request.method == "POST" else request.GET
    back = _back(request, given)
    if not given.getlist("message") and not given.getlist("thread"):
        messages.error(request, _("Choose at least one message first."), fail_silently=True)
        return redirect(back)
    chosen = _chosen(request, given)
    if not chosen.messages:
        raise Http404
    if len(chosen.messages) > MOST_MOVED:
        sentence = _("No more than %(number)s messages can be moved at once; choose fewer.")
        messages.error(request, sentence % {"number": MOST_MOVED}, fail_silently=True)
        return redirect(back)
    is_sure = request.method == "POST" and given.get("sure") == "1"
    form = ReasonForm(given if is_sure else None)
    if is_sure and form.is_valid():
        _move(request, chosen.messages, form.cleaned_data["reason"])
        return redirect(back)
    return _asked(request, chosen, form, back)


def may_trash(folder: EmailFolderPage, user: Any) -> bool:
    """Whether `user`, who may read `folder`, may move its mail to the trash."""
    return bool(user.is_authenticated) and folder.permissions_for_user(user).can_trash()


def _move(request: HttpRequest, chosen: Sequence[EmailMessagePage], reason: str) -> None:
    by_folder: defaultdict[int, list[int]] = defaultdict(list)
    for each in chosen:
        by_folder[each.folder_id].append(each.pk)
    done = 0
    for folder_id, keys in sorted(by_folder.items()):
        done += trash.put(folder_id, keys, user_id=request.user.pk, reason=reason)
    told = ngettext(
        "%(number)d message is in the trash.", "%(number)d messages are in the trash.", done
    )
    messages.success(request, told % {"number": done}, fail_silently=True)


def _asked(request: HttpRequest, chosen: Chosen, form: ReasonForm, back: str) -> HttpResponse:
    found = chosen.messages
    response = TemplateResponse(
        request,
        "wagtail_mailarchive/trash_page.html",
        {
            "base_template": archive_settings().BASE_TEMPLATE,
            "chosen": chosen,
            "shown": found[:_SHOWN],
            "more": max(len(found) - _SHOWN, 0),
            "number": len(found),
            "in_thread": _others_in_thread(request, chosen),
            "form": form,
            "back": back,
        },
    )
    patch_cache_control(response, private=True, no_store=True)
    response["X-Robots-Tag"] = "noindex"
    return response


def _others_in_thread(request: HttpRequest, chosen: Chosen) -> EmailMessagePage | None:
    """Return the one message that is chosen, if its thread has more that could go with it."""
    if len(chosen.messages) != 1 or chosen.thread_ids:
        return None
    [message] = chosen.messages
    if message.thread_id is None:
        return None
    thread = EmailMessagePage.objects.filter(folder=message.folder_id, thread=message.thread_id)
    return message if readable(thread, request).exclude(pk=message.pk).exists() else None


def _chosen(request: HttpRequest, given: QueryDict) -> Chosen:
    message_ids, thread_ids = _keys(given, "message"), _keys(given, "thread")
    among = EmailMessagePage.objects.filter(folder__in=readable_folders(request))
    inside = among.filter(pk__in=message_ids) | among.filter(thread__in=thread_ids)
    found = readable(inside, request).order_by("-sorted_at", "-pk")
    columns = ("folder_id", "thread_id", "title", "subject", "sender_name", "sender_address")
    some = list(found.only(*columns, "sorted_at")[: MOST_MOVED + 1])
    folders = EmailFolderPage.objects.in_bulk({each.folder_id for each in some})
    allowed = {key for key, folder in folders.items() if may_trash(folder, request.user)}
    return Chosen(message_ids, thread_ids, [each for each in some if each.folder_id in allowed])


def _keys(given: QueryDict, name: str) -> list[int]:
    values = given.getlist(name)[:MOST_CHOSEN]
    if not all(each.isascii() and each.isdecimal() and len(each) < 19 for each in values):
        raise Http404
    return [int(each) for each in values]


def _back(request: HttpRequest, given: QueryDict) -> str:
    following = given.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        following, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return following if is_ours else "/"
