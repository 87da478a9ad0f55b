"""Addresses outside the page tree; a site includes them before Wagtail's own.

path("mail/", include("wagtail_mailarchive.urls")),
"""

app_name = "wagtail_mailarchive"
urlpatterns: list[object] = []
