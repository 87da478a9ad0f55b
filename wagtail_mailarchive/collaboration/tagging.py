"""Tagging messages and threads: one by one, or many that were chosen in a list.

One address for all of it, outside of the page tree, since what is chosen may be of several
folders. Page privacy is asked here for each message; what the reader may not read, or may not tag,
is left out as if it were not there.
"""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from ..archive.tagging import add_tags, names_in, remove_tags
from ..models import EmailFolderPage, EmailMessagePage
from ..models.privacy import readable, readable_folders
from .annotation_rules import may_share

MOST_CHOSEN: Final = 200  # messages and threads of one list
MOST_TAGGED: Final = 1_000  # messages, those of threads counted


@require_POST
@login_required
def tag(request: HttpRequest) -> HttpResponse:
    """Give tags to what was chosen (`message` and `thread`), or take some off (`remove`).

    Raises:
        Http404: an entry of the form is none of ours.
    """
    given = request.POST
    chosen = _chosen(request, _keys(given, "message"), _keys(given, "thread"))
    removing = "remove" in given
    names = names_in(given["remove"] if removing else given.get("tags", ""))
    if not names:
        messages.error(request, _("Give at least one tag, with a word in it."), fail_silently=True)
    elif not chosen:
        messages.error(request, _("Choose at least one message first."), fail_silently=True)
    elif len(chosen) > MOST_TAGGED:
        sentence = _("No more than %(number)s messages can be tagged at once; choose fewer.")
        messages.error(request, sentence % {"number": MOST_TAGGED}, fail_silently=True)
    elif removing:
        remove_tags(chosen, names)
        messages.success(request, _("The tag is removed."), fail_silently=True)
    else:
        add_tags(chosen, names, request.user)
        sentence = ngettext(
            "%(number)s message is tagged.", "%(number)s messages are tagged.", len(chosen)
        )
        messages.success(request, sentence % {"number": len(chosen)}, fail_silently=True)
    return redirect(_back(request))


def may_tag(folder: EmailFolderPage, user: Any) -> bool:
    """Whether `user`, who may read `folder`, may tag its mail: who may write for all readers."""
    return may_share(folder, user)


def _chosen(
    request: HttpRequest, message_ids: list[int], thread_ids: list[int]
) -> list[EmailMessagePage]:
    """Return up to one more than `MOST_TAGGED` messages that may be tagged by who asks."""
    if not message_ids and not thread_ids:
        return []
    among = EmailMessagePage.objects.filter(folder__in=readable_folders(request))
    inside = among.filter(pk__in=message_ids) | among.filter(thread__in=thread_ids)
    found = readable(inside, request).order_by("pk").only("folder_id", "title")
    some = list(found[: MOST_TAGGED + 1])
    folders = EmailFolderPage.objects.in_bulk({each.folder_id for each in some})
    allowed = {key for key, folder in folders.items() if may_tag(folder, request.user)}
    return [each for each in some if each.folder_id in allowed]


def _keys(given: QueryDict, name: str) -> list[int]:
    values = given.getlist(name)[:MOST_CHOSEN]
    if not all(each.isascii() and each.isdecimal() and len(each) < 19 for each in values):
        raise Http404
    return [int(each) for each in values]


def _back(request: HttpRequest) -> str:
    following = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        following, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return following if is_ours else "/"
