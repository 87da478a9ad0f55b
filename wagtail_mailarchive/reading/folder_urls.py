"""Routes below a folder page; each view takes `(page, request, ...)`."""

from django.urls import path

from . import folder_page

urlpatterns = [
    path("", folder_page.show, name="show"),
    path("fetch/", folder_page.fetch, name="fetch"),
]
