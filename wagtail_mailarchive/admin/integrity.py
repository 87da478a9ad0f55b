"""“Mail integrity”: what is not as it was archived, and the work on what is archived already.

One page for the whole site, where an administrator checks everything, and one for each folder,
where its managers check it, read its mail again, and retry what is in quarantine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin

from ..archive import chain
from ..archive.problems import concerning
from ..fetching import upkeep_requests
from ..fetching.upkeep_progress import name_of, progress
from ..models import (
    ChainEntry,
    EmailFolderPage,
    IntegrityProblem,
    UpkeepKind,
    UpkeepRun,
)
from ..models.permissions import folders_managed_by, may_manage_any
from ..models.upkeep import UNDER_WAY
from . import moving, trash
from .policies import asked_number, may_keep_up, refused
from .upkeep_numbers import contents_read, signatures_checked, to_read_again
from .upkeep_region import UpkeepRegion, told_of

RUNS_SHOWN = 10
ACTIVE_SHOWN = 100
PROBLEMS_SHOWN = 100
FOLDERS_SHOWN = 200
# What somebody may ask for; samples are the schedule's.
ASKED_FOR = (UpkeepKind.VERIFY, UpkeepKind.REPROCESS, UpkeepKind.RETRY)
# Contents and signatures are shared by folders: they are read for all of them or not at all.
ASKED_FOR_ALL = (*ASKED_FOR, UpkeepKind.CONTENTS)


def problems_for(user: Any) -> QuerySet[IntegrityProblem]:
    """Return what `user` has to know: all for administrators, else of the folders they manage."""
    problems = IntegrityProblem.objects.select_related("folder").order_by("pk")
    if user.is_superuser:
        return problems
    return concerning(problems, folders_managed_by(user))


def shown_to(user: Any, problems: QuerySet[IntegrityProblem]) -> list[IntegrityProblem]:
    """Return `problems` as `user` may see them: without folders that are not theirs to manage."""
    shown = list(problems)
    theirs = {folder.pk for folder in _managed(user)} if shown else set()
    for problem in shown:
        if problem.folder_id not in theirs:
            problem.folder = None
    return shown


def asked_for(folder: EmailFolderPage | None) -> tuple[UpkeepKind, ...]:
    """Return what may be asked for on the page about `folder`, or about the whole site."""
    if folder is not None:
        return ASKED_FOR
    return (*ASKED_FOR_ALL, UpkeepKind.DKIM) if upkeep_requests.may_look_up() else ASKED_FOR_ALL


def address_of(folder: EmailFolderPage | None) -> str:
    """Return the address of the page about `folder`, or about the whole site."""
    if folder is None:
        return reverse("mailarchive_integrity")
    return reverse("mailarchive_integrity_folder", args=[folder.pk])


class IntegrityView(WagtailAdminTemplateMixin, TemplateView):
    """Shows problems, what is under way and what was done."""

    template_name = "wagtail_mailarchive/admin/integrity.html"
    http_method_names = ["get", "head", "options"]
    page_title = gettext_lazy("Mail integrity")
    header_icon = "check"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.folder = _folder(kwargs.get("folder_id"))
        # The page of the whole site shows each manager what concerns their folders.
        if self.folder is None:
            is_allowed = may_manage_any(request.user)
        else:
            is_allowed = may_keep_up(request.user, self.folder)
        if not is_allowed:
            return refused(request)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_page_subtitle(self) -> str:
        return self.folder.get_admin_display_title() if self.folder else ""

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        here = {"url": "", "label": self.get_page_title(), "sublabel": self.get_page_subtitle()}
        if self.folder is None:
            return [*self.breadcrumbs_items, here]
        explorer = reverse("wagtailadmin_explore", args=[self.folder.pk])
        above = {"url": explorer, "label": self.get_page_subtitle()}
        return [*self.breadcrumbs_items, above, here]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        user, folder = self.request.user, self.folder
        problems = problems_for(user)
        if folder is not None:
            problems = concerning(problems, [folder])
        runs = _runs(user, folder).order_by("-pk")
        active = list(runs.filter(status__in=UNDER_WAY)[:ACTIVE_SHOWN])
        ended = runs.exclude(status__in=UNDER_WAY)[:RUNS_SHOWN]
        folders = _managed(user).order_by("title") if folder is None else _managed(user).none()
        region = UpkeepRegion(active, _progress_address(folder, active)) if active else None
        context.update(
            folder=folder,
            may_start=may_keep_up(user, folder),
            start_address=_start_address(folder),
            heads_address=_heads_address(folder),
            has_chain=_chained(user, folder).exists(),
            problems=shown_to(user, problems[:PROBLEMS_SHOWN]),
            number_of_problems=problems.count(),
            region=region,
            runs=[_row(run) for run in ended],
            folders=folders[:FOLDERS_SHOWN],
            more_folders=max(folders.count() - FOLDERS_SHOWN, 0),
            media=(region or UpkeepRegion([], "")).media,
        )
        if context["may_start"]:
            context.update(to_read_again(folder))
            if folder is None:
                context.update(contents_read())
            if UpkeepKind.DKIM in asked_for(folder):
                context.update(signatures_checked())
        return context


@require_POST
def start_upkeep(request: HttpRequest, folder_id: int | None = None) -> HttpResponseBase:
    """Have the worker begin what the form asks for; 403 for who may not."""
    folder = _folder(folder_id)
    if not may_keep_up(request.user, folder):
        return refused(request)
    asked = request.POST.get("kind", "")
    if asked not in asked_for(folder):
        raise Http404
    user = request.user if request.user.is_authenticated else None
    is_complete = request.POST.get("complete") == "1"
    run = upkeep_requests.request(UpkeepKind(asked), folder, user=user, is_complete=is_complete)
    if is_complete and not run.is_complete:
        told = _("This is under way for some of it already. Stop that first, or wait for it.")
        messages.error(request, told)
    else:
        messages.success(request, _("Requested; a worker begins in a moment."))
    return redirect(address_of(folder))


@require_POST
def stop_upkeep(request: HttpRequest, run_id: int) -> HttpResponseBase:
    """Have a run end after the batch under way; 403 for who may not."""
    run = get_object_or_404(UpkeepRun.objects.select_related("folder"), pk=run_id)
    folder = run.folder
    if not (trash.may_stop(request.user, run) or moving.may_stop(request.user, run)):
        return refused(request)
    if run.kind == UpkeepKind.READDRESS:
        raise Http404
    upkeep_requests.stop(run)
    messages.success(request, _("%(name)s stops in a moment.") % {"name": name_of(run)})
    if run.kind == UpkeepKind.MOVE:
        return redirect("mailarchive_move", run.pk)
    if run.kind in trash.KINDS and folder:
        # It tells how to go on.
        return redirect(trash.address_of(folder))
    return redirect(address_of(folder))


@require_GET
@never_cache
def upkeep_progress(request: HttpRequest, folder_id: int | None = None) -> HttpResponseBase:
    """Answer with the progress of those runs that the query names (`run`)."""
    folder = _folder(folder_id)
    is_allowed = may_manage_any(request.user) if folder is None else True
    if not is_allowed or (folder is not None and not may_keep_up(request.user, folder)):
        return refused(request)
    asked = map(asked_number, request.GET.getlist("run")[:ACTIVE_SHOWN])
    numbers = [number for number in asked if number is not None]
    runs = _runs(request.user, folder).filter(pk__in=numbers).order_by("-pk")
    return JsonResponse(told_of(list(runs)))


@require_GET
@never_cache
def chain_heads(request: HttpRequest, folder_id: int | None = None) -> HttpResponseBase:
    """Download the last entry of each chain, to be kept where nobody can change it from here."""
    folder = _folder(folder_id)
    if folder is None:
        if not may_manage_any(request.user):
            return refused(request)
        folders = _managed(request.user)
    elif not may_keep_up(request.user, folder):
        return refused(request)
    else:
        folders = EmailFolderPage.objects.filter(pk=folder.pk)
    lines = [json.dumps(head.as_dict()) + "\n" for head in chain.heads(folders)]
    name = f"chain-heads-{timezone.now():%Y-%m-%dT%H%M%SZ}.jsonl"
    return HttpResponse(
        "".join(lines),
        content_type="application/jsonl",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def _folder(folder_id: int | None) -> EmailFolderPage | None:
    return None if folder_id is None else get_object_or_404(EmailFolderPage, pk=folder_id)


def _managed(user: Any) -> QuerySet[EmailFolderPage]:
    if user.is_superuser:
        folders: QuerySet[EmailFolderPage] = EmailFolderPage.objects.all()
        return folders
    return folders_managed_by(user)


def _chained(user: Any, folder: EmailFolderPage | None) -> QuerySet[ChainEntry]:
    folders = [folder] if folder is not None else _managed(user)
    return ChainEntry.objects.filter(folder__in=folders)


def _runs(user: Any, folder: EmailFolderPage | None) -> QuerySet[UpkeepRun]:
    """Return the runs of `folder`, or those that `user` may see on the page of the whole site."""
    runs = UpkeepRun.objects.select_related("folder")
    if folder is not None:
        return runs.filter(folder=folder)
    if user.is_superuser:
        return runs
    return runs.filter(folder__in=folders_managed_by(user))


def _row(run: UpkeepRun) -> dict[str, Any]:
    [told] = progress([run])
    return {"run": run, "name": told["account"], "sentence": told["sentence"]}


def _start_address(folder: EmailFolderPage | None) -> str:
    if folder is None:
        return reverse("mailarchive_upkeep_start")
    return reverse("mailarchive_upkeep_start_folder", args=[folder.pk])


def _heads_address(folder: EmailFolderPage | None) -> str:
    if folder is None:
        return reverse("mailarchive_chain_heads")
    return reverse("mailarchive_chain_heads_folder", args=[folder.pk])


def _progress_address(folder: EmailFolderPage | None, runs: Sequence[UpkeepRun]) -> str:
    asked = "&".join(f"run={run.pk}" for run in runs)
    if folder is None:
        return f"{reverse('mailarchive_upkeep_progress')}?{asked}"
    return f"{reverse('mailarchive_upkeep_progress_folder', args=[folder.pk])}?{asked}"
