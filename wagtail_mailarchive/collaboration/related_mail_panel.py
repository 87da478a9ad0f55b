"""A panel for the site's own page types: which messages are related to the page being edited.

content_panels = [*Page.content_panels, RelatedMailPanel()]
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import Panel


class RelatedMailPanel(Panel):
    """Shown once a page is saved; it holds no field, so nothing becomes part of a revision."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("heading", _("Related mail"))
        kwargs.setdefault("icon", "mail")
        super().__init__(**kwargs)

    class BoundPanel(Panel.BoundPanel):
        template_name = "wagtail_mailarchive/admin/related_mail_panel.html"

        def is_shown(self) -> bool:
            return self.instance.pk is not None

        def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
            # Page types import this panel while models are still being loaded.
            from .relations import related_messages

            context: dict[str, Any] = super().get_context_data(parent_context)
            return context | {"related": related_messages(self.instance, self.request)}
