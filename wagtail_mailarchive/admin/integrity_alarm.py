"""Wagtail's dashboard: what is not as it was archived, for those who have to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.forms import Media
from django.http import HttpRequest
from django.urls import reverse
from wagtail.admin.ui.components import Component

from ..models import IntegrityProblem, UpkeepKind, UpkeepRun, UpkeepStatus
from .integrity import problems_for

_NAMED = 5


class IntegrityPanel(Component):
    name = "mailarchive_integrity"
    template_name = "wagtail_mailarchive/admin/integrity_panel.html"
    # Before everything else: nothing is more urgent.
    order = 40

    def __init__(
        self, problems: Sequence[IntegrityProblem], number: int, failed: UpkeepRun | None
    ) -> None:
        self.problems = problems
        self.number = number
        self.failed = failed

    @property
    def media(self) -> Media:
        return Media(css={"all": ["wagtail_mailarchive/admin.css"]})

    def get_context_data(self, parent_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return {
            "problems": self.problems,
            "more": self.number - len(self.problems),
            "failed": self.failed,
            "address": reverse("mailarchive_integrity"),
        }


def add_integrity(request: HttpRequest, panels: list[Any]) -> None:
    """Add the panel to the dashboard, where there is something to tell."""
    user = request.user
    found = problems_for(user)
    problems = list(found[:_NAMED])
    number = found.count() if len(problems) == _NAMED else len(problems)
    failed = _failed_check() if getattr(user, "is_superuser", False) else None
    if problems or failed:
        panels.append(IntegrityPanel(problems, number, failed))


def _failed_check() -> UpkeepRun | None:
    """Return the last check of everything if it could not be done."""
    checks = UpkeepRun.objects.filter(
        kind__in=[UpkeepKind.VERIFY, UpkeepKind.SAMPLE], folder=None, finished_at__isnull=False
    )
    last = checks.order_by("-pk").first()
    return last if last is not None and last.status == UpkeepStatus.FAILED else None
