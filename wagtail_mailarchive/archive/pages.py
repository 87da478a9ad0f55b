"""Bulk insertion of message pages below a folder.

`add_child` costs 32 queries a page and touches Wagtail's search index; 200 pages here cost about
a dozen. The tree stays as treebeard would have made it: `Page.find_problems()` is clean.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from django.db.models import F
from django.db.models.sql import InsertQuery
from django.utils import timezone
from django.utils.text import slugify
from wagtail.models import Page

from ..exceptions import FolderFull
from ..models import EmailMessagePage

_MAX_CHILDREN = len(Page.alphabet) ** Page.steplen - 1
_SLUG_HASH = 12


def lock_folder(folder_id: int) -> Page:
    """Return the folder's base page, locked until the transaction ends.

    Path, URL and number of children are only to be trusted after this.
    """
    return Page.objects.select_for_update().get(pk=folder_id)


def insert(parent: Page, messages: Sequence[EmailMessagePage], hashes: Sequence[str]) -> None:
    """Insert `messages` as the last children of `parent`, which `lock_folder` gave.

    Fills in everything that a page has beside its message: title, slug, place, dates, keys.

    Args:
        messages: unsaved, with all archived fields set.
        hashes: the SHA-256 of each message's original.

    Raises:
        FolderFull: `parent` cannot hold so many more.
    """
    last = _last_step(parent)
    if last + len(messages) > _MAX_CHILDREN:
        raise FolderFull(folder=parent.title)
    now = timezone.now()
    content_type = ContentType.objects.get_for_model(EmailMessagePage)
    slugs = _slugs(parent, [message.title for message in messages], hashes)
    for step, (message, slug) in enumerate(zip(messages, slugs, strict=True), last + 1):
        message.path = Page._get_path(parent.path, parent.depth + 1, step)
        message.depth = parent.depth + 1
        message.numchild = 0
        message.slug = slug
        message.url_path = f"{parent.url_path}{slug}/"
        message.draft_title = message.title
        message.content_type = content_type
        message.locale_id = parent.locale_id
        message.translation_key = uuid.uuid4()
        message.live = True
        message.first_published_at = message.last_published_at = now
    _insert_rows(messages)
    Page.objects.filter(pk=parent.pk).update(numchild=F("numchild") + len(messages))


def _insert_rows(messages: Sequence[EmailMessagePage]) -> None:
    # bulk_create refuses inherited models, so both tables are filled one after the other.
    base_fields = [f for f in Page._meta.local_concrete_fields if not f.primary_key]
    bases = [
        Page(**{f.attname: getattr(message, f.attname) for f in base_fields})
        for message in messages
    ]
    Page.objects.bulk_create(bases)
    for message, base in zip(messages, bases, strict=True):
        message.pk = message.id = base.pk
        message.page_ptr_id = base.pk
        message._state.adding = False
    insert_inherited(EmailMessagePage, messages)


def insert_inherited(model: type[models.Model], rows: Sequence[models.Model]) -> None:
    """Insert only the rows of `model`'s own table; those of its parents are there already."""
    fields = list(model._meta.local_concrete_fields)
    size = connection.ops.bulk_batch_size(fields, list(rows)) or len(rows)
    for start in range(0, len(rows), size):
        query = InsertQuery(model)
        query.insert_values(fields, list(rows[start : start + size]))
        query.get_compiler(connection=connection).execute_sql()


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


def _slugs(parent: Page, titles: Sequence[str], hashes: Sequence[str]) -> list[str]:
    """Return readable slugs; the hash's beginning makes them unique, its whole if it must."""
    unicode = getattr(settings, "WAGTAIL_ALLOW_UNICODE_SLUGS", True)
    stems = [slugify(title[:80], allow_unicode=unicode)[:60].strip("-_") for title in titles]
    short = [
        f"{stem}-{sha256[:_SLUG_HASH]}" if stem else f"message-{sha256[:_SLUG_HASH]}"
        for stem, sha256 in zip(stems, hashes, strict=True)
    ]
    taken = set(
        Page.objects.filter(
            slug__in=short, path__range=Page._get_children_path_interval(parent.path)
        ).values_list("slug", flat=True)
    )
    slugs = []
    for slug, sha256 in zip(short, hashes, strict=True):
        slugs.append(f"message-{sha256}" if slug in taken else slug)
        taken.add(slug)
    return slugs
