"""The messages before and after one, in its folder and in its thread, that the reader may see."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from ..models import EmailMessagePage
from ..models.privacy import readable
from .addresses import message_address


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Attributes: subject, sender: to be told apart by; address: of its page."""

    subject: str
    sender: str
    address: str


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Each is None at an end."""

    newer: Neighbour | None
    older: Neighbour | None
    thread_previous: Neighbour | None = None
    thread_next: Neighbour | None = None


def neighbours(page: EmailMessagePage, request: HttpRequest, folder_address: str) -> Neighbours:
    """Return the neighbours by date; each is one step along an index."""

    def shown(found: EmailMessagePage | None) -> Neighbour | None:
        if found is None:
            return None
        address = message_address(folder_address, found.slug)
        return Neighbour(found.display_subject, found.display_sender, address)

    def after(messages: QuerySet[EmailMessagePage]) -> EmailMessagePage | None:
        # The first condition alone is what the index can use.
        later = messages.filter(sorted_at__gte=page.sorted_at).filter(
            Q(sorted_at__gt=page.sorted_at) | Q(pk__gt=page.pk)
        )
        return _first(later.order_by("sorted_at", "pk"), request)

    def before(messages: QuerySet[EmailMessagePage]) -> EmailMessagePage | None:
        earlier = messages.filter(sorted_at__lte=page.sorted_at).filter(
            Q(sorted_at__lt=page.sorted_at) | Q(pk__lt=page.pk)
        )
        return _first(earlier.order_by("-sorted_at", "-pk"), request)

    in_folder = EmailMessagePage.objects.filter(folder=page.folder_id)
    newer, older = shown(after(in_folder)), shown(before(in_folder))
    if page.thread_id is None:
        return Neighbours(newer, older)
    in_thread = EmailMessagePage.objects.filter(thread=page.thread_id)
    return Neighbours(newer, older, shown(before(in_thread)), shown(after(in_thread)))


def _first(messages: QuerySet[EmailMessagePage], request: HttpRequest) -> EmailMessagePage | None:
    columns = ("slug", "title", "subject", "sender_name", "sender_address")
    return readable(messages, request).only(*columns).first()
