"""Permalinks by Message-ID, for the end of which Wagtail has no pattern; before Wagtail's own.

path("", include("wagtail_mailarchive.mid_urls")),
"""

from django.urls import re_path
from wagtail.views import serve

urlpatterns = [
    # Only what Wagtail itself does not match, so that no page of the site is hidden by it; the page
    # that is found there, and its privacy, are Wagtail's business all the same.
    re_path(r"^(?=.*[^\w\-/])((?:[\w\-]+/)+mid/.+)$", serve),
]
