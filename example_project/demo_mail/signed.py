"""Two signed messages: S/MIME (RFC 8551 section 3.5.3) and PGP/MIME (RFC 3156 section 5).

The signatures are real and cover exactly the bytes of the parts below. They were made once, with
`cryptography`'s PKCS7SignatureBuilder and with GnuPG, by keys that were thrown away at once:
signing anew would give other bytes each time. Whoever changes a text has to sign it again.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from . import wire
from .envelope import Envelope, message_id
from .message import DemoMessage
from .moments import days_before
from .people import PEOPLE

TEXTS = Path(__file__).parent / "texts"

OFFER = wire.text(
    "Åsa,\n\nherewith the binding offer for 120 anodes (aluminium-indium, 1.2 kg) at the price of\n"
    "last week. It is signed because the supplier's bank insists on it,"
    " and because I paid for the\n"
    "certificate and would like to use it once.\n\nJürgen\n"
)
RELEASE = wire.text(
    "The hash of the released firmware image 4.2 is\n\n"
    "  sha256 5d7c0f8e0a1b6c5e2d94a7f13b8e60c42f1d9e7a3c5b8047d6e2f1a09c8b7d6e\n\n"
    "Please compare before flashing. If it differs, call me, at any hour; I will be awake anyway.\n"
)


def messages(end: datetime) -> Iterator[DemoMessage]:
    """Yield the two signed messages."""
    jurgen, tomas = PEOPLE["jurgen"], PEOPLE["tomas"]
    # The line break before the closing boundary belongs to the boundary (RFC 2046 section
    # 5.1.1): what is signed is OFFER.to_bytes(), its own last line break included.
    der = base64.b64decode((TEXTS / "offer.p7s.base64").read_text(encoding="ascii"))
    signature = wire.file(der, "application/pkcs7-signature", "smime.p7s")
    subject = "Binding offer: anodes (signed)"
    sent = days_before(end, 391, jurgen.zone, 11, 20)
    envelope = Envelope("engineering", jurgen, sent, subject, message_id(jurgen, subject))
    yield envelope.deliver(
        wire.multipart(
            "signed",
            (OFFER, signature),
            '; protocol="application/pkcs7-signature"; micalg=sha-256',
            "This is a cryptographically signed message in MIME format.",
        )
    )
    armour = (TEXTS / "release.asc").read_bytes().replace(b"\n", b"\r\n")
    detached = wire.Part(
        (
            ("Content-Type", 'application/pgp-signature; name="signature.asc"'),
            ("Content-Description", "OpenPGP digital signature"),
            ("Content-Disposition", 'attachment; filename="signature.asc"'),
        ),
        armour,
    )
    subject = "Hash of firmware 4.2"
    sent = days_before(end, 165, tomas.zone, 16, 5)
    envelope = Envelope("engineering", tomas, sent, subject, message_id(tomas, subject))
    yield envelope.deliver(
        wire.multipart(
            "signed",
            (RELEASE, detached),
            '; protocol="application/pgp-signature"; micalg=pgp-sha256',
            "This is an OpenPGP/MIME signed message (RFC 4880 and 3156)",
        )
    )
