"""How fetches go, on screen: a region that keeps itself up to date, and the numbers it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import QuerySet
from django.forms import Media
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from wagtail.admin.ui.components import Component

from ..fetching.condition import Condition
from ..fetching.progress import Progress, progress
from ..fetching.states import WORKER_COMMAND, Tone, no_worker
from ..models import EmailFolderPage, FetchRun, RunStatus, WorkerHeartbeat
from ..models.run import ACTIVE
from .fetch_now import may_fetch, refused_to_fetch
from .policies import asked_number

# A folder rarely has more accounts; the others are in the report.
MOST_RUNS = 20


class FetchRegion(Component):
    """The fetches under way in a folder or of one account, and a way to fetch without script.

    Args:
        runs: those to watch, of one folder.
        fetch_address: what “Fetch new mail” posts to; "" where it is not offered.
    """

    template_name = "wagtail_mailarchive/admin/fetch_region.html"

    def __init__(
        self, folder: EmailFolderPage, runs: Sequence[FetchRun], *, fetch_address: str = ""
    ) -> None:
        self.folder = folder
        self.runs = runs
        self.fetch_address = fetch_address

    @property
    def media(self) -> Media:
        return Media(
            css={"all": ["wagtail_mailarchive/admin.css"]},
            js=["wagtail_mailarchive/fetch-progress.js"],
        )

    @property
    def is_queued(self) -> bool:
        return any(run.status == RunStatus.QUEUED for run in self.runs)

    @property
    def is_active(self) -> bool:
        return any(run.is_active for run in self.runs)

    def get_context_data(self, parent_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        request: HttpRequest = (parent_context or {})["request"]
        asked = urlencode({"run": [run.pk for run in self.runs]}, doseq=True)
        address = reverse("mailarchive_fetch_progress", args=[self.folder.pk])
        return {
            **_told(self.runs),
            "request": request,
            "csrf_token": (parent_context or {})["csrf_token"],
            "address": f"{address}?{asked}",
            "fetch_address": self.fetch_address,
            "is_active": self.is_active,
            "here": request.get_full_path(),
            "no_worker": no_worker(waits=True),
        }


def region_of_folder(folder: EmailFolderPage, user: Any) -> FetchRegion | None:
    """Return the region for a folder's page in the admin; None for who may not fetch into it."""
    if not may_fetch(user, folder):
        return None
    address = reverse("mailarchive_fetch_folder", args=[folder.pk])
    return FetchRegion(folder, list(_active(folder)), fetch_address=address)


def region_of_account(account: Any, user: Any) -> FetchRegion | None:
    """Return the region for an account's page; None for who may not fetch from it."""
    if not may_fetch(user, account.folder):
        return None
    address = reverse("mailarchive_fetch_account", args=[account.pk])
    runs = list(_active(account.folder).filter(account=account))
    return FetchRegion(account.folder, runs, fetch_address=address)


def beside(region: FetchRegion, condition: Condition) -> Condition:
    """Return `condition` without what `region` tells beside it, and keeps up to date."""
    told = [state for state in condition.states if state.tone is not Tone.PROGRESS]
    if region.is_queued:
        told = [state for state in told if state.command != WORKER_COMMAND]
    return replace(condition, states=told)


@require_GET
@never_cache
def fetch_progress(request: HttpRequest, folder_id: int) -> HttpResponse:
    """Answer with the progress of those runs of a folder that the query names (`run`)."""
    folder = get_object_or_404(EmailFolderPage, pk=folder_id)
    if not folder.permissions_for_user(request.user).can_fetch():
        return refused_to_fetch(request)
    asked = map(asked_number, request.GET.getlist("run")[:MOST_RUNS])
    numbers = [number for number in asked if number is not None]
    runs = FetchRun.objects.filter(folder=folder, pk__in=numbers).select_related("account")
    return JsonResponse(_told(list(runs.order_by("pk"))))


def _active(folder: EmailFolderPage) -> QuerySet[FetchRun]:
    active = FetchRun.objects.filter(folder=folder, status__in=ACTIVE).select_related("account")
    return active.order_by("pk")


def _told(runs: Sequence[FetchRun]) -> dict[str, Any]:
    """Return what is told of `runs`: each one, and all together for who listens.

    `percent` is null where it is not known.
    """
    each = progress(runs)
    active = [one for one in each if one["is_active"]]
    waits = any(run.status == RunStatus.QUEUED for run in runs)
    whole = sum(one["whole"] for one in each)
    done = sum(one["done"] for one in each)
    return {
        "runs": each,
        "is_active": bool(active),
        "lacks_worker": waits and not WorkerHeartbeat.is_alive(),
        "percent": done * 100 // whole if whole else None,
        "announcement": _announcement(each),
    }


def _announcement(each: Sequence[Progress]) -> str:
    return " ".join(
        _("%(account)s: %(sentence)s") % {"account": one["account"], "sentence": one["sentence"]}
        for one in each
    )
