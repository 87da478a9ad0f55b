"""A message in the admin, in place of the edit form: everything known of it, nothing to change."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import filesizeformat
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.generic import TemplateView
from wagtail.admin.ui.components import MediaContainer
from wagtail.admin.ui.menus.pages import get_page_header_buttons
from wagtail.admin.ui.side_panels import PageStatusSidePanel
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.views.pages.utils import get_breadcrumbs_items_for_page

from ..models import EmailMessagePage, LedgerEntry, MessageText
from ..models.run import sentence
from .message_listing import may_inspect, when

# A message that many mailboxes hold: the first of them tell enough.
SHOWN_ENTRIES = 50
HEADERS = ("from", "reply_to", "to", "cc", "bcc")


class MessageInspectionView(WagtailAdminTemplateMixin, TemplateView):
    """Shows a message; GET only, so that no form and no URL of the edit view writes."""

    template_name = "wagtail_mailarchive/admin/message_inspection.html"
    http_method_names = ["get", "head", "options"]
    header_icon = "mail"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        messages = EmailMessagePage.objects.select_related("folder", "original")
        self.message = get_object_or_404(messages, pk=kwargs["page_id"])
        if not may_inspect(request.user, self.message):
            raise PermissionDenied
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_page_title(self) -> str:
        return _("Message")

    def get_page_subtitle(self) -> str:
        return str(self.message.get_admin_display_title())

    def get_breadcrumbs_items(self) -> list[dict[str, str]]:
        folders: list[dict[str, str]] = get_breadcrumbs_items_for_page(
            self.message, self.request.user, include_self=False
        )
        return [*folders, {"url": "", "label": self.get_page_subtitle()}]

    @cached_property
    def header_more_buttons(self) -> list[Any]:
        buttons: list[Any] = get_page_header_buttons(
            page=self.message,
            user=self.request.user,
            next_url=self.request.path,
            view_name="edit",
        )
        return buttons

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        message = self.message
        context.update(
            page=message,
            message=message,
            headers=self._headers(),
            text=MessageText.objects.filter(message=message).values_list("body", flat=True).first(),
            public=self._public_addresses(),
            attachments=list(message.attachments.all()),
            entries=self._entries(),
        )
        # Privacy is the one thing about a message that can be set; Wagtail sets it in this panel.
        status = PageStatusSidePanel(
            message, self.request, show_schedule_publishing_toggle=False, live_object=message
        )
        # Nothing refers to a message, and its lock is not one that opens.
        status.usage_url, status.locking_enabled = None, False
        context["side_panels"] = MediaContainer([status])
        context["media"] = context["side_panels"].media
        return context

    def _headers(self) -> list[tuple[str, list[str]]]:
        """Return (label, lines) of each header that the message has."""
        message = self.message
        labels = {
            "from": _("From"),
            "reply_to": _("Reply to"),
            "to": _("To"),
            "cc": _("Cc"),
            "bcc": _("Bcc"),
        }
        lines = [
            (
                labels[header],
                [
                    f"{each.name} <{each.address}>" if each.name else each.address
                    for each in message.address_list(header)
                ],
            )
            for header in HEADERS
        ]
        sent = [when(message)]
        if message.sent_locally is not None:
            sent.append(
                _("%(date)s in the sender's zone")
                % {"date": message.sent_locally.strftime("%Y-%m-%d %H:%M:%S %z")}
            )
        lines += [
            (_("Subject"), [message.display_subject]),
            (_("Date"), sent),
            (_("Message-ID"), [message.message_id] if message.message_id else []),
            (_("In reply to"), message.in_reply_to),
            (_("References"), message.references),
            (_("Mailing list"), [message.list_id] if message.list_id else []),
            (_("Size"), [filesizeformat(message.size)]),
        ]
        return [(label, values) for label, values in lines if values]

    def _public_addresses(self) -> dict[str, str] | None:
        """Return the addresses readers use, which obey the page's privacy; None while unpublished.

        Downloads and the HTML body go through them: the admin has no second way to the bytes.
        """
        message = self.message
        address = message.get_url(self.request)
        if not (message.live and message.folder.live and address):
            return None
        base = address.rstrip("/") + "/"
        return {
            "page": address,
            "body": base + message.reverse_subpage("body") if message.has_html else "",
            "original": base + message.reverse_subpage("original"),
            "attachments": base,
        }

    def _entries(self) -> list[dict[str, Any]]:
        entries = LedgerEntry.objects.filter(message=self.message).select_related(
            "mailbox__account"
        )
        return [
            {
                "entry": entry,
                "account": entry.mailbox.account.name if entry.mailbox.account else "",
                "reason": sentence(entry.reason_code, entry.reason_params),
            }
            for entry in entries.order_by("pk")[:SHOWN_ENTRIES]
        ]
