"""How an attachment is shown wherever it is listed: name, kind, picture, and where it leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.safestring import SafeString

from ..models import Attachment, AttachmentContent, EmailMessagePage
from .addresses import page_address, route_address
from .attachment_listing import contents_of
from .attachment_views import is_viewable
from .downloads import download_name
from .row_markup import attachment_markup


@dataclass(frozen=True, slots=True)
class AttachmentRow:
    """One attachment as listed.

    Attributes:
        kind: of `AttachmentKind`.
        extension: in capitals, to stand where there is no picture; "" where the name has none.
        address: where it is downloaded.
        view_address: where the browser shows it; "" if it does not.
        picture_address, width, height: "" and 0 where there is none.
    """

    name: str
    content_type: str
    kind: str
    extension: str
    size: int
    is_inline: bool
    address: str
    view_address: str
    picture_address: str
    width: int
    height: int

    @property
    def facts_markup(self) -> SafeString:
        return attachment_markup(
            self.size,
            "" if self.extension else self.content_type,
            self.name,
            self.view_address,
            is_inline=self.is_inline,
        )


def attachment_row(
    attachment: Attachment, message_address: str, content: AttachmentContent | None
) -> AttachmentRow:
    """Return the row of an attachment; no query.

    Args:
        content: without text and picture is enough.
    """
    name = download_name(attachment)
    address = f"{message_address.rstrip('/')}/attachment/{attachment.position}/"
    has_picture = content is not None and content.width > 0
    return AttachmentRow(
        name=name,
        content_type=attachment.content_type,
        kind=attachment.kind,
        extension=_extension(name),
        size=attachment.size,
        is_inline=attachment.is_inline,
        address=address,
        view_address=f"{address}view/" if is_viewable(attachment) else "",
        picture_address=f"{address}picture/" if has_picture else "",
        width=content.width if content is not None else 0,
        height=content.height if content is not None else 0,
    )


def rows_of(
    page: EmailMessagePage, request: HttpRequest, attachments: Sequence[Attachment]
) -> list[AttachmentRow]:
    """Return the rows of a message's attachments (one query)."""
    contents: Mapping[str, AttachmentContent] = contents_of(list(attachments))
    address = page_address(page, request)
    return [attachment_row(each, address, contents.get(each.sha256)) for each in attachments]


def zip_address(page: EmailMessagePage, request: HttpRequest) -> str:
    """Return where all attachments of a message are downloaded as one."""
    return route_address(page, request, "attachments_zip")


def _extension(name: str) -> str:
    stem, dot, extension = name.rpartition(".")
    return extension.upper() if stem and dot and len(extension) <= 5 else ""
