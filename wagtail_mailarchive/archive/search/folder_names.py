"""Which folders "in:" names."""

from __future__ import annotations

from ...models import EmailFolderPage
from .words import split


def is_named(folder: EmailFolderPage, name: str) -> bool:
    """Whether `name` is the folder's slug, or all its words stand in the folder's title."""
    if name.lower() == folder.slug.lower():
        return True
    title = split(folder.title)
    return all(word in title for word in split(name))
