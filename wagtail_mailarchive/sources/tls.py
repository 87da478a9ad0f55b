"""Encryption with a server whose certificate was verified, or no connection at all."""

from __future__ import annotations

import functools
import socket
import ssl
from datetime import UTC, datetime

from wagtail_mailarchive.exceptions import (
    CertificateExpired,
    CertificateNameMismatch,
    CertificateUntrusted,
    ConnectionTimedOut,
    SourceError,
    TLSFailed,
)

from .base import Endpoint, ShownCertificate, TLSVersion
from .deadline import Deadline

# X509_V_ERR_* of OpenSSL's x509_vfy.h.
_EXPIRED = 10
_HOSTNAME_MISMATCH = 62
_IP_ADDRESS_MISMATCH = 64

_MINIMUM = {
    TLSVersion.TLS_1_2: ssl.TLSVersion.TLSv1_2,
    TLSVersion.TLS_1_3: ssl.TLSVersion.TLSv1_3,
}
_LONGEST_NAME = 200


@functools.lru_cache(maxsize=32)
def verifying_context(
    ca_certificate: str = "", minimum: TLSVersion = TLSVersion.TLS_1_2
) -> ssl.SSLContext:
    """Return a context that verifies chain and name.

    Kept for the next connection, because loading the system's authorities takes longer than
    everything else about a connection.

    Args:
        ca_certificate: PEM of an authority to trust beside the system's; "" for none.
        minimum: the oldest version of TLS that is spoken.

    Raises:
        ssl.SSLError: `ca_certificate` is no certificate.
    """
    # imaplib and poplib would otherwise take a context that verifies nothing.
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = _MINIMUM[minimum]
    if ca_certificate:
        context.load_verify_locations(cadata=ca_certificate)
    return context


def secured(connection: socket.socket, endpoint: Endpoint, deadline: Deadline) -> ssl.SSLSocket:
    """Return `connection` encrypted, as `endpoint` wants it; closes it on failure.

    The endpoint's host must be in the certificate.

    Raises:
        CertificateExpired, CertificateNameMismatch, CertificateUntrusted, TLSFailed,
        ConnectionTimedOut.
    """
    encrypted = None
    try:
        context = verifying_context(endpoint.ca_certificate, endpoint.tls_minimum)
        connection.settimeout(deadline.remaining() or 0.001)
        encrypted = context.wrap_socket(
            connection,
            # A certificate holds names without the dot that ends an absolute one.
            server_hostname=endpoint.host.rstrip("."),
            do_handshake_on_connect=False,
        )
        encrypted.do_handshake()
    except (OSError, ValueError) as error:  # ValueError: no possible name for SNI
        (encrypted or connection).close()
        raise _problem(error, endpoint, deadline) from None
    return encrypted


def shown_certificate(encrypted: ssl.SSLSocket) -> ShownCertificate:
    """Return what the server's certificate says; it was verified before.

    Raises:
        ValueError: it has no end that could be understood.
    """
    said = encrypted.getpeercert() or {}
    holders = [
        _printable(holder[1])
        for holder in said.get("subjectAltName", ())
        if holder[0] in ("DNS", "IP Address")
    ]
    return ShownCertificate(
        subject=next(iter(holders), "") or _named(said.get("subject", ()), "commonName"),
        issuer=_named(said.get("issuer", ()), "organizationName", "commonName"),
        expires_at=datetime.fromtimestamp(
            ssl.cert_time_to_seconds(str(said.get("notAfter", ""))), UTC
        ),
    )


def _named(name: object, *attributes: str) -> str:
    """Return the first of `attributes` that a distinguished name, as `ssl` gives it, has."""
    parts: dict[str, str] = {}
    if isinstance(name, tuple):
        for relative in name:
            parts.update(dict(relative))
    return _printable(next((parts[each] for each in attributes if each in parts), ""))


def _printable(text: object) -> str:
    return "".join(filter(str.isprintable, str(text)))[:_LONGEST_NAME]


def _problem(error: OSError | ValueError, endpoint: Endpoint, deadline: Deadline) -> SourceError:
    host = endpoint.host
    if isinstance(error, TimeoutError):
        return ConnectionTimedOut(host=host, seconds=deadline.shown_seconds)
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code == _EXPIRED:
            return CertificateExpired(host=host)
        if error.verify_code in (_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH):
            return CertificateNameMismatch(host=host)
        return CertificateUntrusted(host=host)
    return TLSFailed(host=host, port=endpoint.port)
