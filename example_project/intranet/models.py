"""Pages of the intranet: a home page, workspaces that may hold mail, and personal spaces."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.http import HttpRequest
from wagtail.admin.panels import FieldPanel
from wagtail.fields import RichTextField
from wagtail.models import Page

from .visibility import readable_children

FEATURES = ["h2", "bold", "italic", "link", "ul", "ol"]


class IntranetPage(Page):
    """What all pages of the intranet have."""

    introduction = models.CharField(
        max_length=250, blank=True, help_text="Shown under the title, and where the page is listed."
    )
    body = RichTextField(blank=True, features=FEATURES)

    content_panels = [*Page.content_panels, FieldPanel("introduction"), FieldPanel("body")]

    class Meta:
        abstract = True

    def get_context(self, request: HttpRequest, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Add `children`: the pages below that this reader may open."""
        context: dict[str, Any] = super().get_context(request, *args, **kwargs)
        context["children"] = readable_children(self, request)
        return context


class HomePage(IntranetPage):
    """Where everybody starts."""

    template = "intranet/home_page.html"
    max_count = 1
    subpage_types = ["intranet.WorkspacePage", "intranet.PersonalPage"]


class WorkspacePage(IntranetPage):
    """A team's pages; named in WORKSPACE_PAGE_TYPES, so it may hold email folders."""

    template = "intranet/workspace_page.html"
    parent_page_types = ["intranet.HomePage"]


class PersonalPage(IntranetPage):
    """One colleague's pages.

    Nothing here refuses email folders; they are refused because the setting WORKSPACE_PAGE_TYPES
    does not name this type.
    """

    template = "intranet/workspace_page.html"
    parent_page_types = ["intranet.HomePage", "intranet.PersonalPage"]
