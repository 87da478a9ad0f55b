"""The message page: who wrote what to whom and when, the body, and what came with it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from ..mime.details import Details, Trait
from ..mime.message import Address
from ..models import DkimSignature, EmailMessagePage, MessageText
from . import authenticity, remote_images, view_choice
from .added import Added, added_to
from .addresses import page_address, route_address, thread_address
from .attachments import rows_of, zip_address
from .contained_files import containers
from .frame_height import frame_height
from .html_body import HtmlBody, Problem, html_body
from .html_document import FRAME_SANDBOX, document, frame_headers
from .inline_images import InlineImageAddresses
from .invitation_cards import cards
from .neighbours import neighbours
from .notes import Note, html_with_notes, notes_of, text_with_notes
from .pages import render_page
from .reply_link import reply_link
from .text_body import text_as_html
from .thread_messages import cursor_of
from .thread_posts import anchor
from .zones import reader_zone

# Of each address header this many are shown at once, the rest on request.
SHOWN_ADDRESSES = 10


@dataclass(frozen=True, slots=True)
class AddressLine:
    """One address header as shown."""

    label: str
    shown: list[Address]
    rest: list[Address]


def show(page: EmailMessagePage, request: HttpRequest) -> HttpResponse:
    """Show the message; a POST shows it with its images from the internet."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    wish = remote_images.Wish(request, page) if request.method == "POST" else None
    zone = reader_zone(request)
    attachments = list(page.attachments.all())
    details = Details.from_values(page.details)
    html = None
    # Who asks for images asks for HTML.
    if page.has_html and (wish is not None or not view_choice.wants_text(request)):
        html = html_body(page, attachments, remote_images=wish is not None)
    shows_html = html is not None and html.problem is None
    frame_address = route_address(page, request, "body")
    if wish is not None:
        frame_address += "?" + urlencode({remote_images.PARAMETER: wish.signature})
    address = page_address(page, request)
    folder_address = page_address(page.folder, request)
    added = added_to(page)
    notes = notes_of(page, request) if Added.NOTES in added else []
    text, lost_notes = (None, frozenset()) if shows_html else _text_with_notes(page, notes)
    response = render_page(
        page,
        request,
        "wagtail_mailarchive/email_message_page.html",
        {
            "address": address,
            "permalink": page.get_full_url(request),
            "html_address": _view(address, view_choice.HTML),
            "text_address": _view(address, view_choice.TEXT),
            "headers_address": route_address(page, request, "headers"),
            "reply_address": reply_link(page),
            "neighbours": neighbours(page, request, folder_address),
            "thread_address": _in_thread(page, folder_address),
            "reports": authenticity.reports(details.authentication),
            "signatures": authenticity.checked(_signatures(page, details)),
            "protections": authenticity.protections(details.traits),
            "cards": cards(details.invitations, zone),
            "containers": containers(page, request, details, attachments),
            "frame_sandbox": FRAME_SANDBOX,
            "folder": page.folder,
            "folder_address": folder_address,
            "address_lines": _address_lines(page),
            "sorting": _sorting(page),
            "shows_html": shows_html,
            "html_problem": _problem(html),
            "blocked_remote": shows_html and html is not None and html.blocked_remote,
            "shows_remote": wish is not None,
            "frame_address": frame_address,
            "frame_height": frame_height(html.unfolded) if html is not None else "",
            "text": text,
            "mailarchive_added": added,
            "notes": notes,
            "lost_notes": lost_notes,
            "annotate_address": route_address(page, request, "annotations"),
            "attachments": rows_of(page, request, attachments),
            "zip_address": zip_address(page, request),
            "original_address": route_address(page, request, "original"),
        },
        zone,
    )
    view_choice.remember(request, response)
    if wish is not None:
        wish.remember(request, response)
    return response


def body(page: EmailMessagePage, request: HttpRequest) -> HttpResponse:
    """Serve the HTML body alone, for the sandboxed frame, under a policy of its own."""
    if not page.has_html:
        raise Http404
    wished = remote_images.is_wished(request, page)
    html = html_body(page, list(page.attachments.all()), remote_images=wished)
    if html.problem is not None:
        raise Http404
    images = InlineImageAddresses(request, page)
    return HttpResponse(
        document(
            html_with_notes(html.fill(images.address), notes_of(page, request)),
            title=page.display_subject,
        ),
        headers=frame_headers([images.prefix], remote_images=wished),
    )


def _in_thread(page: EmailMessagePage, folder_address: str) -> str:
    """Return where the message stands in its thread; "" if it is in none yet."""
    if page.thread_id is None:
        return ""
    address = thread_address(folder_address, page.thread_id)
    return f"{address}?from={cursor_of(page)}#{anchor(page.pk)}"


def _view(address: str, view: str) -> str:
    return f"{address}?{urlencode({view_choice.PARAMETER: view})}"


def _signatures(page: EmailMessagePage, details: Details) -> list[DkimSignature]:
    if Trait.DKIM_SIGNED not in details.traits:
        return []
    return list(DkimSignature.objects.filter(original=page.original_id))


def _text_with_notes(
    page: EmailMessagePage, notes: list[Note]
) -> tuple[SafeString, frozenset[int]]:
    text = MessageText.objects.filter(message=page).values_list("body", flat=True).first() or ""
    return text_with_notes(text_as_html(text), text, notes)


def _address_lines(page: EmailMessagePage) -> list[AddressLine]:
    labels = {
        "from": gettext("From"),
        "reply_to": gettext("Reply to"),
        "to": gettext("To"),
        "cc": gettext("Cc"),
        "bcc": gettext("Bcc"),
    }
    lines = []
    for header, label in labels.items():
        people = page.address_list(header)
        if people:
            lines.append(AddressLine(label, people[:SHOWN_ADDRESSES], people[SHOWN_ADDRESSES:]))
    return lines


def _sorting(page: EmailMessagePage) -> str:
    """Return why the message does not stand where its Date would put it; "" if it does."""
    if not page.is_sorted_by_received:
        return ""
    if page.received_at == page.sorted_at:
        if page.sent_at is None:
            return gettext("Sorted by the time it was received, because its Date is missing.")
        return gettext("Sorted by the time it was received, because its Date is implausible.")
    if page.sent_at is None:
        return gettext("Sorted by the time it was archived, because its Date is missing.")
    return gettext("Sorted by the time it was archived, because its Date is implausible.")


def _problem(html: HtmlBody | None) -> str:
    """Return why text is shown where there is HTML; "" where there is no reason to tell."""
    match html.problem if html else None:
        case Problem.TOO_LARGE:
            return gettext("The HTML of this message is too large to be shown; this is its text.")
        case Problem.TOO_COMPLEX:
            return gettext("The HTML of this message is not safe to show; this is its text.")
        case Problem.UNREADABLE:
            return gettext(
                "The HTML of this message cannot be read at the moment; this is its text."
            )
        case None:
            return ""
