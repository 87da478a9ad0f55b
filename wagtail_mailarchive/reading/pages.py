"""What folder and message pages have in common when they are shown."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from wagtail.models import Page

from ..conf import archive_settings


def render_page(
    page: Page, request: HttpRequest, template: str, context: dict[str, Any], zone: tzinfo
) -> HttpResponse:
    """Render a page within the site's base template, with every time in `zone`.

    It is rendered here, and not when the response leaves, because the zone holds only here.
    """
    whole = {
        **page.get_context(request),
        "base_template": archive_settings().BASE_TEMPLATE,
        **context,
    }
    response = TemplateResponse(request, template, whole)
    with timezone.override(zone):
        response.render()
    # Zone, privacy and what is offered depend on the reader.
    patch_cache_control(response, private=True)
    leave_to_readers(request, response)
    return response


def leave_to_readers(request: HttpRequest, response: HttpResponse) -> None:
    """Keep search engines from what only shows the same mail again, in some other choice or form.

    Pages further on in a list stay: they lead to mail that no other page leads to.
    """
    if request.GET.keys() - {"before", "after"}:
        response["X-Robots-Tag"] = "noindex"
