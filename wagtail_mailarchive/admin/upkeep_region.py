"""Upkeep under way, on screen: a region that keeps itself up to date."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.forms import Media
from django.http import HttpRequest
from django.utils.translation import gettext as _
from wagtail.admin.ui.components import Component

from ..fetching.states import no_worker
from ..fetching.upkeep_progress import progress
from ..models import UpkeepRun, UpkeepStatus, WorkerHeartbeat


class UpkeepRegion(Component):
    """The runs under way.

    Args:
        address: what answers with `told_of` these runs.
        may_stop: whether whoever looks may end a run; the others have no button for it.
    """

    template_name = "wagtail_mailarchive/admin/upkeep_region.html"

    def __init__(
        self,
        runs: Sequence[UpkeepRun],
        address: str,
        may_stop: Callable[[UpkeepRun], bool] = lambda run: True,
    ) -> None:
        self.runs = runs
        self.address = address
        self.may_stop = may_stop

    @property
    def media(self) -> Media:
        return Media(
            css={"all": ["wagtail_mailarchive/admin.css"]},
            js=["wagtail_mailarchive/fetch-progress.js"],
        )

    def get_context_data(self, parent_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        request: HttpRequest = (parent_context or {})["request"]
        return {
            **told_of(self.runs),
            "csrf_token": (parent_context or {})["csrf_token"],
            "address": self.address,
            "stoppable": [run.pk for run in self.runs if self.may_stop(run)],
            "here": request.get_full_path(),
            "no_worker": no_worker(waits=True),
        }


def told_of(runs: Sequence[UpkeepRun]) -> dict[str, Any]:
    """Return what is told of `runs`, in the form that the script of fetches understands.

    `percent` is null where it is not known.
    """
    each = progress(runs)
    waits = any(run.status == UpkeepStatus.QUEUED for run in runs)
    whole = sum(one["whole"] for one in each)
    done = sum(one["done"] for one in each)
    return {
        "runs": each,
        "is_active": any(one["is_active"] for one in each),
        "lacks_worker": waits and not WorkerHeartbeat.is_alive(),
        "percent": done * 100 // whole if whole else None,
        "announcement": " ".join(
            _("%(name)s: %(sentence)s") % {"name": one["account"], "sentence": one["sentence"]}
            for one in each
        ),
    }
