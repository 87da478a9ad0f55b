"""Pages whose sub-addresses are an ordinary URLconf, named by a string as Django names them.

Wagtail routes live pages below an unpublished one; these hide with any page above them.

The string keeps the stairs one-way: `models` knows the name of the views' module, `reading` knows
the models. Views take `(page, request, ...)`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

from django.http import Http404, HttpRequest
from wagtail.contrib.routable_page.models import RoutablePageMixin
from wagtail.url_routing import RouteResult

# The path of the page that a request has come to.
_REACHABLE = "_mailarchive_reachable"


class RoutedPage(RoutablePageMixin):
    """Mixin for pages with views of their own.

    Attributes:
        urlconf: dotted name of a module with `urlpatterns`; the pattern "" is the page itself.
        collaboration_urlconf: the same for what people add to it.
    """

    urlconf: ClassVar[str]
    collaboration_urlconf: ClassVar[str]

    def is_reachable(self, parent: str = "") -> bool:
        """Whether this page and all above it are published; one query.

        Args:
            parent: the path of a page that is known to be so. Nothing is asked if it is the one
                above this.
        """
        page: Any = self
        if not page.live:
            return False
        if parent and page.path[: -page.steplen] == parent:
            return True
        return not page.get_ancestors().filter(live=False).exists()

    def route(self, request: HttpRequest, path_components: list[str]) -> RouteResult:
        """Find the page at an address at or below this one.

        Raises:
            Http404: there is none, or this page or one above it is not published.
        """
        if not self.is_reachable(getattr(request, _REACHABLE, "")):
            raise Http404
        page: Any = self
        setattr(request, _REACHABLE, page.path)
        return super().route(request, path_components)

    @classmethod
    def get_subpage_urls(cls) -> Any:
        names = (cls.urlconf, cls.collaboration_urlconf)
        return [pattern for name in names for pattern in import_module(name).urlpatterns]
