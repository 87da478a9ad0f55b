"""How an attachment is shown wherever it is listed: name, kind, picture, and where it leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from ..models import Attachment, AttachmentContent, EmailMessagePage
from .addresses import page_address, route_address
from .attachment_listing import contents_of
from .attachment_views import is_viewable
from .downloads import download_name


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

    # A page may have fifty of them, and the template language takes several times as long.

    @property
    def picture_markup(self) -> SafeString:
        shown = f"<span>{escape(self.extension or '…')}</span>"
        if self.picture_address:
            shown = (
                f'<img src="{escape(self.picture_address)}" width="{self.width}"'
                f' height="{self.height}" alt="" loading="lazy" decoding="async">'
            )
        return mark_safe(  # noqa: S308 (escaped)
            f'<span class="mailarchive-attachment__picture" aria-hidden="true">{shown}</span>'
        )

    @property
    def name_markup(self) -> SafeString:
        return mark_safe(  # noqa: S308 (escaped)
            '<span class="mailarchive-attachment__name">'
            f'<a href="{escape(self.address)}" dir="auto" download>{escape(self.name)}</a>'
            f' <span class="mailarchive-attachment__facts">{self.facts_markup}</span></span>'
        )

    @property
    def facts_markup(self) -> SafeString:
        facts = [escape(filesizeformat(self.size))]
        if self.content_type and not self.extension:
            facts.append(escape(self.content_type))
        if self.is_inline:
            facts.append(escape(gettext("shown in the text")))
        if self.view_address:
            open_, tab = escape(gettext("Open")), escape(gettext("in a new tab"))
            facts.append(
                f'<a href="{escape(self.view_address)}" target="_blank" rel="noopener">{open_}'
                f'<span class="mailarchive-unseen"> {escape(self.name)}, {tab}</span></a>'
            )
        between = ' <span aria-hidden="true">·</span> '
        return mark_safe(between.join(facts))  # noqa: S308 (escaped)


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
