"""What the admin answers whom it keeps out of a page of ours: what is missing, and whom to ask.

Wagtail's own way, back to the dashboard with one sentence for everything, says neither. Readers'
pages have answers of their own.
"""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse


def kept_out(
    request: HttpRequest,
    *,
    heading: str,
    icon: str,
    sentence: str,
    connected_by: AbstractBaseUser | None = None,
) -> HttpResponseBase:
    """Return that page, status 403.

    Args:
        heading: the name of the page that was asked for, or of what it belongs to.
        sentence: what they may not do here, and what it takes.
        connected_by: whom to ask about a mail account; otherwise an administrator.
    """
    return TemplateResponse(
        request,
        "wagtail_mailarchive/admin/kept_out.html",
        {"heading": heading, "icon": icon, "sentence": sentence, "connected_by": connected_by},
        status=403,
    )
