"""Bulk insertion of message pages below a folder.

`add_child` costs 32 queries a page and touches Wagtail's search index; 200 pages here cost about
a dozen. The tree stays as treebeard would have made it: `Page.find_problems()` is clean.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db.models import F
from django.utils.text import slugify
from wagtail.models import Page

from ..exceptions import FolderFull
from ..models import EmailMessagePage
from . import rows

Values = dict[str, Any]

_MAX_CHILDREN = len(Page.alphabet) ** Page.steplen - 1
_SLUG_HASH = 12
_NEW = {"listed": True, "trashed": False}
_PAGE_FIELDS = [field for field in Page._meta.local_concrete_fields if not field.primary_key]
_PAGE_NAMES = tuple(field.attname for field in _PAGE_FIELDS)
_PAGE_VALUES = itemgetter(*_PAGE_NAMES)
_MESSAGE_NAMES = tuple(field.attname for field in EmailMessagePage._meta.local_concrete_fields)
_MESSAGE_VALUES = itemgetter(*_MESSAGE_NAMES)


def lock_folder(folder_id: int) -> Page:
    """Return the folder's base page, locked until the transaction ends.

    Path, URL and number of children are only to be trusted after this.
    """
    return Page.objects.select_for_update().get(pk=folder_id)


def insert(
    parent: Page, messages: Sequence[Values], hashes: Sequence[str], now: datetime
) -> list[int]:
    """Insert `messages` as the last children of `parent`, which `lock_folder` gave.

    Fills in everything that a page has beside its message: title, slug, place, dates, keys.

    Args:
        messages: values of all archived fields, and of the title.
        hashes: the SHA-256 of each message's original.
        now: when they are archived, which their dates of publication keep.

    Returns:
        The pages' keys.

    Raises:
        FolderFull: `parent` cannot hold so many more.
    """
    last = _last_step(parent)
    if last + len(messages) > _MAX_CHILDREN:
        raise FolderFull(folder=parent.title)
    alike = {field.attname: field.get_default() for field in _PAGE_FIELDS}
    alike |= {
        "depth": parent.depth + 1,
        "content_type_id": ContentType.objects.get_for_model(EmailMessagePage).pk,
        "locale_id": parent.locale_id,
        "live": True,
        "first_published_at": now,
        "last_published_at": now,
    }
    slugs = _slugs(parent, [message["title"] for message in messages], hashes)
    paths = [
        Page._get_path(parent.path, parent.depth + 1, step)
        for step in range(last + 1, last + 1 + len(messages))
    ]
    rows.insert(
        Page,
        _PAGE_NAMES,
        [
            _PAGE_VALUES(
                alike
                | {
                    "path": path,
                    "slug": slug,
                    "url_path": f"{parent.url_path}{slug}/",
                    "title": message["title"],
                    "draft_title": message["title"],
                    "translation_key": translation_key,
                }
            )
            for message, slug, path, translation_key in zip(
                messages, slugs, paths, _translation_keys(len(messages)), strict=True
            )
        ],
    )
    found = Page.objects.filter(path__range=(paths[0], paths[-1])).values_list("path", "pk")
    keys = dict(found)
    rows.insert(
        EmailMessagePage,
        _MESSAGE_NAMES,
        [
            _MESSAGE_VALUES({**message, "page_ptr_id": keys[path], **_NEW})
            for message, path in zip(messages, paths, strict=True)
        ],
    )
    Page.objects.filter(pk=parent.pk).update(numchild=F("numchild") + len(messages))
    return [keys[path] for path in paths]


def _last_step(parent: Page) -> int:
    last = (
        Page.objects.filter(path__range=Page._get_children_path_interval(parent.path))
        .order_by("-path")
        .values_list("path", flat=True)
        .first()
    )
    if last is None:
        return 0
    return int(Page._str2int(last[len(parent.path) : len(parent.path) + Page.steplen]))


def _translation_keys(number: int) -> list[uuid.UUID]:
    """Return UUIDs of version 7 (RFC 9562 section 5.7): new ones stand together in the index.

    Random ones would each touch another page of it, the more so the larger the archive is.
    """
    moment = time.time_ns() // 1_000_000 << 80
    layout = 7 << 76 | 2 << 62
    room = (1 << 80) - 1 ^ (0xF << 76 | 3 << 62)
    return [uuid.UUID(int=moment | layout | secrets.randbits(80) & room) for _ in range(number)]


def _slugs(parent: Page, titles: Sequence[str], hashes: Sequence[str]) -> list[str]:
    """Return readable slugs; the hash's beginning makes them unique, its whole if it must."""
    unicode = getattr(settings, "WAGTAIL_ALLOW_UNICODE_SLUGS", True)
    stems = [slugify(title[:80], allow_unicode=unicode)[:60].strip("-_") for title in titles]
    short = [
        f"{stem}-{sha256[:_SLUG_HASH]}" if stem else f"message-{sha256[:_SLUG_HASH]}"
        for stem, sha256 in zip(stems, hashes, strict=True)
    ]
    # Not by path as well: SQLite would walk all children instead of looking up a few slugs. The
    # same mail in another folder has the same slug, which does no harm to be asked for.
    found = Page.objects.filter(slug__in=short).values_list("slug", "path")
    taken = {slug for slug, path in found if path[: -Page.steplen] == parent.path}
    slugs = []
    for slug, sha256 in zip(short, hashes, strict=True):
        slugs.append(f"message-{sha256}" if slug in taken else slug)
        taken.add(slug)
    return slugs
