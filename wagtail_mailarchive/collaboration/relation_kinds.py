"""How a message is related to something else: the kinds that every site has, and the site's own."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..conf import archive_settings


class RelationKind(NamedTuple):
    """What is said on either end; each completes a sentence that begins with that end.

    Attributes:
        label: on the message, before what it is related to.
        reverse: there, before the message.
    """

    label: str | Promise
    reverse: str | Promise


_OF_EVERY_SITE = {
    "about": RelationKind(_("is about"), _("is the subject of")),
    "answers": RelationKind(_("answers"), _("is answered by")),
    "based_on": RelationKind(_("is based on"), _("is the basis of")),
    "references": RelationKind(_("references"), _("is referenced by")),
    "replaces": RelationKind(_("replaces"), _("is replaced by")),
}


def relation_kinds() -> dict[str, RelationKind]:
    """Return kinds by name, the site's own last."""
    own = archive_settings().RELATION_KINDS
    return _OF_EVERY_SITE | {name: RelationKind(*labels) for name, labels in own.items()}


def relation_kind(name: str) -> RelationKind:
    """Return the kind called `name`; one that the site has given up goes by its name."""
    return relation_kinds().get(name) or RelationKind(name, name)
