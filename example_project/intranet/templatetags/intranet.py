"""What the intranet's base template asks for."""

from __future__ import annotations

from typing import Any

from django import template
from wagtail.models import Page, Site

from ..visibility import readable_children

register = template.Library()


@register.simple_tag(takes_context=True)
def menu(context: dict[str, Any]) -> list[Page]:
    """Return the pages in the header: those below the home page that are meant for menus."""
    request = context["request"]
    site = Site.find_for_request(request)
    if site is None:
        return []
    return [page for page in readable_children(site.root_page, request) if page.show_in_menus]
