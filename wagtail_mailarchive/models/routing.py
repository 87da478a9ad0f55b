"""Pages whose sub-addresses are an ordinary URLconf, named by a string as Django names them.

Wagtail routes live pages below an unpublished one; these hide with any page above them.

The string keeps the stairs one-way: `models` knows the name of the views' module, `reading` knows
the models. Views take `(page, request, ...)`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from django.http import Http404, HttpRequest
from wagtail.contrib.routable_page.models import RoutablePageMixin
from wagtail.url_routing import RouteResult

from .unindexed import unindexed

if TYPE_CHECKING:
    from .message import EmailMessagePage

# Where Wagtail leaves the page that it came from, with each step down.
_PARENT = "_cached_parent_obj"
# Of a site's root as a rule: above it is but the root of the tree, which is never unpublished.
_SITE_DEPTH = 2


class RoutedPage(RoutablePageMixin):
    """Mixin for pages with views of their own.

    Attributes:
        urlconf: dotted name of a module with `urlpatterns`; the pattern "" is the page itself.
        collaboration_urlconf: the same for what people add to it.
    """

    urlconf: ClassVar[str]
    collaboration_urlconf: ClassVar[str]

    def is_shown(self) -> bool:
        """Whether this page is published, whatever stands above it."""
        page: Any = self
        return bool(page.live)

    def is_reachable(self) -> bool:
        """Whether this page and all above it are published; one query."""
        return self.is_shown() and not _has_unpublished_above(self)

    def route(self, request: HttpRequest, path_components: list[str]) -> RouteResult:
        """Find the page at an address at or below this one.

        Raises:
            Http404: there is none, or this page or one above it is not published.
        """
        if not self.is_shown() or _came_through_unpublished(self):
            raise Http404
        return super().route(request, path_components)

    @classmethod
    def get_subpage_urls(cls) -> Any:
        names = (cls.urlconf, cls.collaboration_urlconf)
        return [pattern for name in names for pattern in import_module(name).urlpatterns]


def _came_through_unpublished(page: Any) -> bool:
    """Whether a page above is not published; those that a request came through are at hand."""
    while (above := page.__dict__.get(_PARENT)) is not None:
        if not above.live:
            return True
        page = above
    return page.depth > _SITE_DEPTH and _has_unpublished_above(page)


def _has_unpublished_above(page: Any) -> bool:
    return bool(page.get_ancestors().filter(live=False).exists())


class RoutesMessages:
    """Mixin, behind `RoutedPage` and before `Page`, for the page whose children are messages.

    Wagtail asks for the page below first, and then for what kind of page that is.
    """

    def route(self, request: HttpRequest, path_components: list[str]) -> RouteResult:
        """Find the page at an address at or below this one: a message by one query.

        Raises:
            Http404: there is none.
        """
        folder: Any = self
        if path_components:
            slug, *rest = path_components
            if message := _message(folder, slug):
                setattr(message, _PARENT, folder)
                message.folder = folder
                return message.route(request, rest)
        page: Any = super()
        return page.route(request, path_components)


def _message(folder: Any, slug: str) -> EmailMessagePage | None:
    from .message import EmailMessagePage

    # By the index of slugs: that of folders leads to all messages.
    messages = EmailMessagePage.objects.alias(own_folder=unindexed("folder"))
    found: EmailMessagePage | None = messages.filter(own_folder=folder.pk, slug=slug).first()
    return found
