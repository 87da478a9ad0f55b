"""Pages whose sub-addresses are an ordinary URLconf, named by a string as Django names them.

The string keeps the stairs one-way: `models` knows the name of the views' module, `reading` knows
the models. Views take `(page, request, ...)`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

from wagtail.contrib.routable_page.models import RoutablePageMixin


class RoutedPage(RoutablePageMixin):
    """Mixin for pages with views of their own.

    Attributes:
        urlconf: dotted name of a module with `urlpatterns`; the pattern "" is the page itself.
    """

    urlconf: ClassVar[str]

    @classmethod
    def get_subpage_urls(cls) -> Any:
        return import_module(cls.urlconf).urlpatterns
