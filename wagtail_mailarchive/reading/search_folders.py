"""In which folders somebody searches: those that they may read, and of them those they name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from wagtail.models import Page

from ..archive.search import Query
from ..archive.search.folder_names import is_named
from ..models import EmailFolderPage, EmailMessagePage
from ..models.privacy import refused_pages
from ..models.unindexed import of_folders

# Paths in one question; databases bound the number of parameters.
_TOGETHER = 5_000

# A folder and its address, by the folder's key.
Addresses = dict[int, tuple[EmailFolderPage, str]]


@dataclass(frozen=True, slots=True)
class Readable:
    """Folders that a reader may search.

    Attributes:
        is_everything: there are no others.
    """

    folders: list[EmailFolderPage]
    is_everything: bool

    @property
    def ids(self) -> list[int]:
        return [folder.pk for folder in self.folders]


def readable_folders(request: HttpRequest) -> Readable:
    """Return the folders whose page `request` would be shown; the queries are few and constant.

    That is so where neither the folder nor a page above it is unpublished or refuses the reader.
    """
    folders = list(EmailFolderPage.objects.order_by("path"))
    paths = sorted({part for folder in folders for part in _paths(folder)})
    refused = refused_pages(request)
    closed: set[str] = set()
    for start in range(0, len(paths), _TOGETHER):
        some = Page.objects.filter(path__in=paths[start : start + _TOGETHER])
        hidden = some.filter(Q(live=False) | Q(pk__in=refused))
        closed.update(hidden.values_list("path", flat=True))
    readable = [each for each in folders if closed.isdisjoint(_paths(each))]
    return Readable(readable, len(readable) == len(folders))


def hidden_messages(folder_ids: Sequence[int], request: HttpRequest) -> list[int]:
    """Return keys of messages that `request` may not be told of although it may read the folder."""
    hidden: list[int] = []
    refused = refused_pages(request)
    for start in range(0, len(folder_ids), _TOGETHER):
        some = folder_ids[start : start + _TOGETHER]
        messages = EmailMessagePage.objects.values_list("pk", flat=True)
        hidden += messages.filter(folder__in=some, listed=False, trashed=False)
        hidden += of_folders(messages.filter(listed=True, pk__in=refused), some)
    return hidden


def named(readable: Readable, query: Query) -> Readable:
    """Return the folders that every "in:" of `query` names; what names none is noted."""
    folders = readable.folders
    for name in query.folders:
        found = [each for each in folders if is_named(each, name)]
        if not found:
            query.notes.append(
                _("in: there is no folder “%(name)s” that you can read.") % {"name": name}
            )
        folders = found
    return Readable(folders, readable.is_everything and len(folders) == len(readable.folders))


def on_a_site(
    readable: Readable, address_of: Callable[[EmailFolderPage], str | None]
) -> tuple[Readable, Addresses]:
    """Return the folders that have an address, and these; to others nobody could go."""
    addresses = {each.pk: (each, found) for each in readable.folders if (found := address_of(each))}
    shown = [folder for folder, _address in addresses.values()]
    is_everything = readable.is_everything and len(shown) == len(readable.folders)
    return Readable(shown, is_everything), addresses


def _paths(page: Page) -> list[str]:
    step = Page.steplen
    return [page.path[:end] for end in range(step, len(page.path) + 1, step)]
