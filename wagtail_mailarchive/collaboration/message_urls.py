"""Routes below a message page for what people add; each view takes `(page, request, ...)`.

All of them are served by the page, so its privacy holds for each. No segment holds a dot: Wagtail's
page addresses do not match one.
"""

from django.urls import include, path

from . import annotations

urlpatterns = [
    path("comments/", include("wagtail_mailarchive.collaboration.comment_urls")),
    path("annotations/", annotations.annotate, name="annotations"),
    path("annotations/<int:annotation_id>/", annotations.note, name="annotation"),
]
