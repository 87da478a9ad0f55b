"""A whole thread to be saved: as an mbox file, or all that is attached to it as a zip file.

Both are made while they are sent, from what the reader may see, and hold a piece at a time. Where
an original cannot be read on the way, the download breaks off.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

from ..archive import originals
from ..exceptions import StorageError
from ..models import EmailFolderPage, EmailMessagePage
from .attachment_zip import zip_response
from .downloads import HEADERS, harmless_name, not_now
from .mbox import quoted, separator
from .thread_lookup import find_thread, readable_messages, summary_for
from .thread_messages import one_by_one

_NAME = 80  # characters of the subject in a file's name


def mbox(page: EmailFolderPage, request: HttpRequest, thread_id: int) -> HttpResponseBase:
    """Send the originals of a thread's messages.

    Raises:
        Http404: there is no such thread, or nothing in it that the reader may see.
    """
    thread = find_thread(page, thread_id)
    summary = summary_for(thread, request)
    messages = readable_messages(thread, request).select_related("original")
    found = one_by_one(messages.only("slug", "sender_address", "sorted_at", "original"))
    first = next(found, None)
    if first is None:
        raise Http404
    try:
        # So that a failing store is told of; once the answer has begun it can only break off.
        originals.read(first.original, 0, 1)
    except StorageError:
        return not_now(first)

    def all_of_them() -> Iterator[bytes]:
        for message in chain([first], found):
            yield from _entry(message)

    name = _name(summary.subject, "mbox")
    disposition = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return StreamingHttpResponse(
        all_of_them(),
        content_type="application/mbox",
        headers={**HEADERS, "Content-Disposition": disposition},
    )


def attachments_zip(
    page: EmailFolderPage, request: HttpRequest, thread_id: int
) -> HttpResponseBase:
    """Send all attachments of a thread.

    Raises:
        Http404: there is no such thread, or nothing attached that the reader may see.
    """
    thread = find_thread(page, thread_id)
    summary = summary_for(thread, request)
    messages = readable_messages(thread, request).filter(attachment_count__gt=0)
    # `attachment_zip` asks each for its attachments.
    found = one_by_one(messages.select_related("original").prefetch_related("attachments"))
    return zip_response(found, name=_name(summary.subject, "zip"))


def _entry(message: EmailMessagePage) -> Iterator[bytes]:
    yield separator(message.sender_address, message.sorted_at)
    yield from quoted(originals.stream(message.original))


def _name(subject: str, extension: str) -> str:
    return f"{harmless_name(subject[:_NAME]) or 'thread'}.{extension}"
