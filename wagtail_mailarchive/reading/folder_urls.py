"""Routes below a folder page; each view takes `(page, request, ...)`."""

from django.urls import path

from . import attachment_page, folder_page

urlpatterns = [
    path("", folder_page.show, name="show"),
    path("attachments/", attachment_page.show, name="attachments"),
    path("fetch/", folder_page.fetch, name="fetch"),
]
