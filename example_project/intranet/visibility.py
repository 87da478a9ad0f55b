"""Which pages a reader is shown: a title in a list gives away as much as a page does."""

from __future__ import annotations

from django.http import HttpRequest
from wagtail.models import Page


def readable_children(page: Page, request: HttpRequest) -> list[Page]:
    """Return the live pages below `page` that this reader may open, as their own types."""
    return [
        child.specific
        for child in page.get_children().live()
        if all(each.accept_request(request) for each in child.get_view_restrictions())
    ]
