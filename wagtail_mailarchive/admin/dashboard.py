"""Wagtail's dashboard: what is the matter with the accounts that the viewer manages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.forms import Media
from django.http import HttpRequest
from wagtail.admin.ui.components import Component

from ..fetching.alerts import Standing, standing_for
from ..models.site_settings import is_on
from .quarantine import in_quarantine, told_on_dashboard


class AlertsPanel(Component):
    """The alerts that stand, most urgent first, and how much is in quarantine."""

    name = "mailarchive_alerts"
    template_name = "wagtail_mailarchive/admin/dashboard.html"
    # Before Wagtail's own panels, the first of which has 210.
    order = 50

    def __init__(self, alerts: list[Standing], quarantined: int = 0) -> None:
        self.alerts = alerts
        self.quarantined = quarantined

    @property
    def media(self) -> Media:
        return Media(css={"all": ["wagtail_mailarchive/admin.css"]})

    def get_context_data(self, parent_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        told = told_on_dashboard(self.quarantined) if self.quarantined else ""
        return {"alerts": self.alerts, "quarantine": told}


def add_alerts(request: HttpRequest, panels: list[Any]) -> None:
    """Add the panel to the dashboard, where there is something to tell."""
    alerts = standing_for(request.user)
    quarantined = in_quarantine(request.user) if is_on() else 0
    if alerts or quarantined:
        panels.append(AlertsPanel(alerts, quarantined))
