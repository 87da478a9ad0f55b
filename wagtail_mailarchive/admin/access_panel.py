"""The panel of a folder's form that shows who can read, comment, manage and trash, and why."""

from __future__ import annotations

from typing import Any

from django.forms import Media
from wagtail.admin.panels import Panel

from .access import Access


class AccessPanel(Panel):
    """Shown once a folder is saved; it holds no field, so nothing becomes part of a revision."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "wagtail_mailarchive/admin/access_panel.html"
        media = Media(css={"all": ["wagtail_mailarchive/admin.css"]})

        def is_shown(self) -> bool:
            return self.instance.pk is not None

        def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
            context: dict[str, Any] = super().get_context_data(parent_context)
            access = Access(self.instance, self.request.user)
            return context | {
                "abilities": access.abilities(),
                "behind_password": access.is_behind_password(),
            }
