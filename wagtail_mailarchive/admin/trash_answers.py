"""“Where is my mail?” of what is in the trash, or was erased: for those who see it there."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from ..archive.whereabouts import Question, find_in_trash, find_tombstones
from ..models import EmailFolderPage, EmailMessagePage, Tombstone, TrashedFolder, TrashEntry
from ..models.permissions import TRASH, folders_managed_by, folders_moderated_by
from .ledger_rows import day


def folders_opened_by(user: Any) -> QuerySet[EmailFolderPage]:
    """Return the folders whose trash `user` may open; the rule of `trash.may_open` for all."""
    return folders_moderated_by(user) if user.has_perm(TRASH) else folders_managed_by(user)


def in_trash(question: Question, folder_ids: Collection[int]) -> list[tuple[EmailMessagePage, str]]:
    """Return messages in the trash of these folders that `question` may mean, and what to tell."""
    return [(entry.message, _trashed(entry)) for entry in find_in_trash(question, folder_ids)]


def erased(question: Question, folder_ids: Collection[int]) -> list[tuple[Tombstone, str]]:
    """Return the tombstones that `question` names by SHA-256, and what to tell."""
    return [(stone, _erased(stone)) for stone in find_tombstones(question, folder_ids)]


def folders_in_trash(messages: Iterable[EmailMessagePage]) -> dict[int, str]:
    """Return what to tell of the folders of `messages` that are in the trash, by their keys."""
    # Of a published folder it is known without asking.
    hidden = {each.folder_id for each in messages if not each.folder.live}
    if not hidden:
        return {}
    found = TrashedFolder.objects.filter(folder__in=hidden).select_related("folder")
    return {
        each.folder_id: _("The folder “%(folder)s” is in the trash since %(date)s.")
        % {"folder": each.folder.title, "date": day(each.trashed_at)}
        for each in found
    }


def _trashed(entry: TrashEntry) -> str:
    words = {
        "folder": entry.message.folder.title,
        "date": day(entry.trashed_at),
        "user": entry.user,
    }
    if entry.to_erase:
        line = _("In the trash of “%(folder)s” since %(date)s, and being erased.") % words
    elif entry.user is None:
        line = _("In the trash of “%(folder)s” since %(date)s.") % words
    else:
        line = _("In the trash of “%(folder)s” since %(date)s, moved there by %(user)s.") % words
    return f"{line} {entry.reason}".strip()


def _erased(stone: Tombstone) -> str:
    words = {"folder": stone.folder.title, "date": day(stone.erased_at), "user": stone.user}
    if stone.user is None:
        line = _("Erased from “%(folder)s” on %(date)s; it does not come back there.") % words
    else:
        line = (
            _("Erased from “%(folder)s” on %(date)s by %(user)s; it does not come back there.")
            % words
        )
    return f"{line} {stone.reason}".strip()
