"""Routes below a message page; each view takes `(page, request, ...)`.

All of them are served by the page, so its privacy holds for each. No segment holds a dot: Wagtail's
page addresses do not match one.
"""

from django.urls import path

from . import (
    attachment_views,
    attachment_zip,
    contained_files,
    downloads,
    headers_page,
    message_page,
    note_list,
)

urlpatterns = [
    path("", message_page.show, name="show"),
    path("body/", message_page.body, name="body"),
    path("attachment/<int:position>/", downloads.attachment, name="attachment"),
    path("attachment/<int:position>/picture/", attachment_views.picture, name="picture"),
    path("attachment/<int:position>/view/", attachment_views.view, name="view"),
    path("attachments/zip/", attachment_zip.download, name="attachments_zip"),
    path(
        "attachment/<int:position>/inside/<int:number>/",
        contained_files.contained_file,
        name="contained",
    ),
    path("annotations/json/", note_list.web_annotations, name="web_annotations"),
    path("headers/", headers_page.headers, name="headers"),
    path("original/", downloads.original, name="original"),
]
