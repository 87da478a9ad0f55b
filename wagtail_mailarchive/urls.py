"""Addresses outside the page tree; a site includes them before Wagtail's own.

path("mail/", include("wagtail_mailarchive.urls")),
"""

from django.urls import path

from .reading.inline_images import inline_image

app_name = "wagtail_mailarchive"
urlpatterns = [
    path("inline/<str:token>/", inline_image, name="inline_image"),
]
