"""Whether a message is signed or encrypted, by its structure. Nothing is verified here."""

from __future__ import annotations

import re

from .details import Trait
from .structure import Entity

_SMIME_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
# RFC 8551 section 3.2.2; "certs-only" and "compressed-data" protect nothing.
_SMIME = {
    "signed-data": Trait.SMIME_SIGNED,
    "enveloped-data": Trait.SMIME_ENCRYPTED,
    "authenveloped-data": Trait.SMIME_ENCRYPTED,
    "": Trait.SMIME,
}
# RFC 9580 section 6.2: text that is armoured without MIME knowing.
_BEGIN = "-----BEGIN PGP "
_ARMOUR = re.compile(rf"^{_BEGIN}(MESSAGE|SIGNED MESSAGE)-----$", re.MULTILINE)


def traits(top: Entity, text: str) -> list[str]:
    """Return the `Trait`s of a message, sorted.

    Args:
        text: the body as read.
    """
    found: set[Trait] = set()
    if "dkim-signature" in top.fields:
        found.add(Trait.DKIM_SIGNED)
    waiting = [top]
    while waiting:
        entity = waiting.pop()
        waiting += entity.children
        trait = _trait(entity)
        if trait is not None:
            found.add(trait)
    if _BEGIN in text:  # found much faster than lines are
        for armour in _ARMOUR.findall(text):
            found.add(Trait.PGP_ENCRYPTED if armour == "MESSAGE" else Trait.PGP_SIGNED)
    return sorted(found)


def _trait(entity: Entity) -> Trait | None:
    protocol = entity.parameters.get("protocol", "").lower()
    if entity.content_type == "multipart/signed":
        # RFC 8551 section 3.5 and RFC 3156 section 5.
        if "pkcs7" in protocol:
            return Trait.SMIME_SIGNED
        return Trait.PGP_SIGNED if "pgp" in protocol else None
    if entity.content_type == "multipart/encrypted":
        return Trait.PGP_ENCRYPTED if "pgp" in protocol else None
    if entity.content_type in _SMIME_TYPES:
        return _SMIME.get(entity.parameters.get("smime-type", "").strip().lower())
    return None
