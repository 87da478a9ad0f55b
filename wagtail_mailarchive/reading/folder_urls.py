"""Routes below a folder page; each view takes `(page, request, ...)`."""

from django.urls import path

from . import (
    attachment_page,
    feeds,
    folder_page,
    message_ids,
    note_list,
    thread_arranging,
    thread_downloads,
    thread_page,
)

urlpatterns = [
    path("", folder_page.show, name="show"),
    path("attachments/", attachment_page.show, name="attachments"),
    path("feed/", feeds.folder_feed, name="feed"),
    path("fetch/", folder_page.fetch, name="fetch"),
    path("mid/", message_ids.show, name="message_ids"),
    path("mid/<path:message_id>/", message_ids.show, name="message_id"),
    path("notes/", note_list.show, name="notes"),
    path("thread/<int:thread_id>/", thread_page.show, name="thread"),
    path("thread/<int:thread_id>/arrange/", thread_arranging.arrange, name="arrange_thread"),
    path("thread/<int:thread_id>/feed/", feeds.thread_feed, name="thread_feed"),
    path("thread/<int:thread_id>/mbox/", thread_downloads.mbox, name="thread_mbox"),
    path(
        "thread/<int:thread_id>/split/<int:message_id>/",
        thread_arranging.split,
        name="split_thread",
    ),
    path("thread/<int:thread_id>/zip/", thread_downloads.attachments_zip, name="thread_zip"),
    path("threads/decisions/", thread_arranging.decisions, name="thread_decisions"),
]
