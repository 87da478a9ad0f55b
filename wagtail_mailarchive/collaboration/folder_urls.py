"""Routes below a folder page for what people add; each view takes `(page, request, ...)`.

All of them are served by the page, so its privacy holds for each. No segment holds a dot: Wagtail's
page addresses do not match one.
"""

from django.urls import URLPattern, path

from . import activity

urlpatterns: list[URLPattern] = [
    path("activity/", activity.show, name="activity"),
]
