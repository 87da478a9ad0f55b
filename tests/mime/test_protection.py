"""Signed and encrypted mail is recognised by its structure."""

from __future__ import annotations

import pytest

from wagtail_mailarchive.mime.parser import parse


def message(content_type: str, body: str = "--b\n\ntext\n--b--\n", more: str = "") -> bytes:
    return f"From: a@b.example\n{more}Content-Type: {content_type}\n\n{body}".encode()


SIGNED = "multipart/signed; boundary=b; protocol=application/"
ENCRYPTED = "multipart/encrypted; boundary=b; protocol=application/"
PKCS7 = "application/pkcs7-mime; smime-type="
ARMOURED = "-----BEGIN PGP MESSAGE-----\n\nhQ\n-----END PGP MESSAGE-----\n"
CLEAR = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nHi\n"
NESTED = (
    "--b\nContent-Type: multipart/signed; boundary=c; protocol=application/pgp-signature\n"
    "\n--c\n\ntext\n--c--\n--b--\n"
)


@pytest.mark.parametrize(
    ("raw", "trait"),
    [
        (message(SIGNED + "pkcs7-signature"), "smime-signed"),
        (message(SIGNED + "x-pkcs7-signature"), "smime-signed"),
        (message(SIGNED + "pgp-signature"), "pgp-signed"),
        (message(ENCRYPTED + "pgp-encrypted"), "pgp-encrypted"),
        (message(PKCS7 + "enveloped-data; name=smime.p7m"), "smime-encrypted"),
        (message(PKCS7 + "signed-data"), "smime-signed"),
        (message("application/x-pkcs7-mime; name=smime.p7m"), "smime"),
        (message(PKCS7 + "certs-only"), ""),
        (message("text/plain", ARMOURED), "pgp-encrypted"),
        (message("text/plain", CLEAR), "pgp-signed"),
        (message("text/plain", "> " + ARMOURED.splitlines()[0]), ""),
        (message("text/plain", "x", "DKIM-Signature: v=1; d=example.org\n"), "dkim-signed"),
        (message("multipart/mixed; boundary=b", NESTED), "pgp-signed"),
    ],
)
def test_what_protects_a_message(raw: bytes, trait: str) -> None:
    assert parse(raw).details.traits == ([trait] if trait else [])
