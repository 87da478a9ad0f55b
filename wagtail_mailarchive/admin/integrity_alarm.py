"""Wagtail's dashboard: what is not as it was archived, for those who have to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.forms import Media
from django.http import HttpRequest
from django.urls import reverse
from wagtail.admin.ui.components import Component

from ..models import IntegrityProblem
from .integrity import problems_for, shown_to

_NAMED = 5


class IntegrityPanel(Component):
    name = "mailarchive_integrity"
    template_name = "wagtail_mailarchive/admin/integrity_panel.html"
    # Before everything else: nothing is more urgent.
    order = 40

    def __init__(self, problems: Sequence[IntegrityProblem], number: int) -> None:
        self.problems = problems
        self.number = number

    @property
    def media(self) -> Media:
        return Media(css={"all": ["wagtail_mailarchive/admin.css"]})

    def get_context_data(self, parent_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return {
            "problems": self.problems,
            "more": self.number - len(self.problems),
            "address": reverse("mailarchive_integrity"),
        }


def add_integrity(request: HttpRequest, panels: list[Any]) -> None:
    """Add the panel to the dashboard, where there is something to tell."""
    found = problems_for(request.user)
    problems = shown_to(request.user, found[:_NAMED])
    number = found.count() if len(problems) == _NAMED else len(problems)
    if problems:
        panels.append(IntegrityPanel(problems, number))
