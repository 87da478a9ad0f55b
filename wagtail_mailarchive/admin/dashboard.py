"""Wagtail's dashboard: what is the matter with the accounts that the viewer manages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.forms import Media
from django.http import HttpRequest
from wagtail.admin.ui.components import Component

from ..fetching.alerts import Standing, standing_for


class AlertsPanel(Component):
    """The alerts that stand, most urgent first."""

    name = "mailarchive_alerts"
    template_name = "wagtail_mailarchive/admin/dashboard.html"
    # Before Wagtail's own panels, the first of which has 210.
    order = 50

    def __init__(self, alerts: list[Standing]) -> None:
        self.alerts = alerts

    @property
    def media(self) -> Media:
        return Media(css={"all": ["wagtail_mailarchive/admin.css"]})

    def get_context_data(self, parent_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return {"alerts": self.alerts}


def add_alerts(request: HttpRequest, panels: list[Any]) -> None:
    """Add the panel to the dashboard, where there is something to tell."""
    alerts = standing_for(request.user)
    if alerts:
        panels.append(AlertsPanel(alerts))
