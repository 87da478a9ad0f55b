"""Pages that hold mail are not deleted, by whatever route, and who tries is told what to do.

The database would refuse as well (PROTECT), but too late: before it is asked, Wagtail logs that
each page below was deleted, which takes minutes where there is much mail, and treebeard lowers the
count of children of the page above. So both look first. Neither has a hook for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext
from wagtail.models import Page
from wagtail.query import PageQuerySet

from ..exceptions import MailArchiveError
from .chain import ChainEntry
from .folder import EmailFolderPage, folders_with_mail
from .message import EmailMessagePage
from .tombstone import Tombstone
from .trash import TrashedFolder

_PATHS_AT_ONCE = 500


class MailIsKept(MailArchiveError, ProtectedError, PermissionDenied):
    """What Django says of rows that are protected, answered by views with 403, not 500."""

    template = "%(reason)s"

    def __init__(self, *, reason: str) -> None:
        self.params = {"reason": reason}
        ProtectedError.__init__(self, reason, set())

    def __str__(self) -> str:
        return str(self.params["reason"])


def refusal_to_delete(page: Page) -> str:
    """Return why `page` cannot be deleted, and what to do first; "" if no mail is in the way."""
    if issubclass(page.specific_class or Page, EmailMessagePage):
        return gettext("Archived mail is not deleted. Move it to the trash instead.")
    folder = folders_with_mail(page).order_by("path").first()
    if folder is None:
        return ""
    words = {
        "page": page.specific_deferred.get_admin_display_title(),
        "folder": folder.get_admin_display_title(),
    }
    is_trashed = TrashedFolder.objects.filter(folder=folder).exists()
    if folder.pk == page.pk:
        if not folder.numchild and folder.accounts.exists():
            told = gettext(
                "“%(page)s” is connected to a mail account, so it is not deleted. "
                "Remove the account first, or move the folder to the trash instead."
            )
        elif is_trashed:
            told = gettext(
                "“%(page)s” holds mail, so it is not deleted. Erase it in its trash first."
            )
        else:
            told = gettext(
                "“%(page)s” holds mail, so it is not deleted. Move it to the trash instead."
            )
    elif is_trashed:
        told = gettext(
            "“%(page)s” holds the email folder “%(folder)s”, so it is not deleted. "
            "That folder is in the trash: erase it there first."
        )
    else:
        told = gettext(
            "“%(page)s” holds the email folder “%(folder)s”, so it is not deleted. "
            "Move that folder to the trash first, and erase it there."
        )
    return told % words


def connect() -> None:
    """Have every deletion of pages look for mail first."""
    delete_page, delete_pages = Page.delete, PageQuerySet.delete

    @transaction.atomic
    def delete(page: Page, *args: Any, **kwargs: Any) -> Any:
        if reason := refusal_to_delete(page):
            raise MailIsKept(reason=reason)
        return delete_page(page, *args, **kwargs)

    @transaction.atomic
    def delete_many(pages: PageQuerySet, *args: Any, **kwargs: Any) -> Any:
        _check_all(pages)
        _forget_lists(pages)
        return delete_pages(pages, *args, **kwargs)

    delete_many.alters_data = True  # type: ignore[attr-defined]
    delete_many.queryset_only = True  # type: ignore[attr-defined]
    Page.delete = delete
    PageQuerySet.delete = delete_many


def _check_all(pages: PageQuerySet) -> None:
    """Look for mail among `pages` and below them.

    Raises:
        MailIsKept.
    """
    message = pages.exact_type(EmailMessagePage).first()
    if message is not None:
        raise MailIsKept(reason=refusal_to_delete(message))
    kept = folders_with_mail(Page(path="")).values_list("path", flat=True)
    for path in _among(pages, kept):
        raise MailIsKept(reason=refusal_to_delete(Page.objects.get(path=path)))


def _forget_lists(pages: PageQuerySet) -> None:
    """Delete what hangs on folders alone and may be long, once their mail is erased.

    Django would load each row for the signals of others.
    """
    folders = dict(EmailFolderPage.objects.filter(numchild=0).values_list("path", "pk"))
    going = tuple(_among(pages, folders))
    keys = [pk for path, pk in folders.items() if going and path.startswith(going)]
    for model in (ChainEntry, Tombstone):
        rows: Any = model._base_manager.filter(folder__in=keys)
        rows._raw_delete(rows.db)


def _among(pages: PageQuerySet, paths: Iterable[str]) -> Iterator[str]:
    """Yield the paths of those of `pages` that are at or above one of `paths`."""
    step = Page.steplen
    above = sorted({path[:end] for path in paths for end in range(step, len(path) + 1, step)})
    for start in range(0, len(above), _PATHS_AT_ONCE):
        some = pages.filter(path__in=above[start : start + _PATHS_AT_ONCE])
        yield from some.order_by().values_list("path", flat=True)
