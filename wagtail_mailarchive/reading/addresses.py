"""Addresses of pages and of the routes below them."""

from __future__ import annotations

from django.http import HttpRequest
from wagtail.models import Page

from ..models.routing import RoutedPage

_KNOWN = "_mailarchive_addresses"


def page_address(page: Page, request: HttpRequest) -> str:
    """Return the address of `page`, relative where it belongs to the present site.

    A page that is being served always has one. Wagtail looks up anew how the sites' addresses
    begin each time, and a page asks for half a dozen.
    """
    known: dict[int, str] = request.__dict__.setdefault(_KNOWN, {})
    if page.pk not in known:
        known[page.pk] = page.get_url(request) or request.path
    return known[page.pk]


def route_address(page: RoutedPage, request: HttpRequest, name: str, *args: object) -> str:
    """Return the address of the route `name` of `page`."""
    return _join(page_address(page, request), page.reverse_subpage(name, args=args))


def message_address(folder_address: str, slug: str) -> str:
    """Return the address of a message, without asking the database about each."""
    end = "/" if folder_address.endswith("/") else ""
    return _join(folder_address, slug) + end


def thread_address(folder_address: str, thread_id: int) -> str:
    """Return the address of a thread, without asking the database about each."""
    return _join(folder_address, f"thread/{thread_id}/")


def _join(base: str, rest: str) -> str:
    return f"{base.rstrip('/')}/{rest}"
