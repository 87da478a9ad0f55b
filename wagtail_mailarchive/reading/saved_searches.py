"""Searches that signed-in readers keep: nobody sees or changes those of somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from ..archive.search.query import MAX_TEXT
from ..models import EmailFolderPage, SavedSearch
from ..models.saved_search import MOST
from .search_folders import readable_folders


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved search as it is shown; `folder` is "" for all."""

    pk: int
    name: str
    query: str
    folder: str
    address: str


class SavedSearchForm(forms.ModelForm[SavedSearch]):
    """What is sent to save a search."""

    query = forms.CharField(max_length=MAX_TEXT)
    order = forms.ChoiceField(choices=[("", ""), ("relevance", "")], required=False)
    folder = forms.ModelChoiceField(EmailFolderPage.objects.none(), required=False)

    class Meta:
        model = SavedSearch
        fields = ("name", "query", "folder")
        error_messages = {"name": {"required": gettext_lazy("Give the search a name.")}}

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.POST)
        readable = EmailFolderPage.objects.filter(pk__in=readable_folders(request).ids)
        self.fields["folder"].queryset = readable  # type: ignore[attr-defined]


def saved_searches(request: HttpRequest) -> list[Saved]:
    """Return the reader's saved searches by name; none for those who are not signed in.

    One whose folder the reader may not read any more is not told of.
    """
    if not request.user.is_authenticated:
        return []
    kept = list(SavedSearch.objects.filter(owner=request.user.pk).select_related("folder"))
    of_folders = any(each.folder_id for each in kept)
    readable = {each.pk: each for each in readable_folders(request).folders} if of_folders else {}
    found = []
    for each in kept:
        folder = readable.get(each.folder_id) if each.folder_id else None
        if each.folder_id and folder is None:
            continue
        base = folder.get_url(request) if folder else reverse("wagtail_mailarchive:search")
        order = {"order": "relevance"} if each.by_relevance else {}
        address = f"{base}?{urlencode({'q': each.query, **order})}"
        found.append(Saved(each.pk, each.name, each.query, folder.title if folder else "", address))
    return found


@require_POST
@login_required
def save(request: HttpRequest) -> HttpResponse:
    """Keep a search; then show it."""
    form = SavedSearchForm(request)
    if not form.is_valid():
        problems = form.errors.get("name") or [_("This search cannot be saved.")]
        for problem in map(str, problems):
            messages.error(request, problem, fail_silently=True)
        return redirect("wagtail_mailarchive:search")
    saved = form.save(commit=False)
    if SavedSearch.objects.filter(owner=request.user.pk).count() >= MOST:
        sentence = _("You have %(number)s saved searches; delete one before.") % {"number": MOST}
        messages.error(request, sentence, fail_silently=True)
    else:
        saved.owner_id = cast(int, request.user.pk)
        saved.by_relevance = form.cleaned_data["order"] == "relevance"
        saved.save()
        messages.success(request, _("The search is saved."), fail_silently=True)
    return redirect(_address(request, saved))


@require_POST
@login_required
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename or delete one of one's own searches."""
    saved = get_object_or_404(SavedSearch, pk=pk, owner=request.user.pk)
    if "delete" in request.POST:
        saved.delete()
        messages.success(request, _("The saved search is deleted."), fail_silently=True)
    elif "rename" in request.POST:
        name = request.POST.get("name", "").strip()[:100].replace("\x00", "")
        if name:
            SavedSearch.objects.filter(pk=saved.pk).update(name=name)
            messages.success(request, _("The saved search is renamed."), fail_silently=True)
        else:
            messages.error(request, _("Give the search a name."), fail_silently=True)
    else:
        raise Http404
    return redirect("wagtail_mailarchive:search")


def _address(request: HttpRequest, saved: SavedSearch) -> str:
    kept = {each.pk: each.address for each in saved_searches(request)}
    return kept.get(saved.pk) or reverse("wagtail_mailarchive:search")
