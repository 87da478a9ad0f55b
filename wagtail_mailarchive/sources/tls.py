"""Encryption with a server whose certificate was verified, or no connection at all."""

from __future__ import annotations

import functools
import socket
import ssl

from wagtail_mailarchive.exceptions import (
    CertificateExpired,
    CertificateNameMismatch,
    CertificateUntrusted,
    ConnectionTimedOut,
    SourceError,
    TLSFailed,
)

from .deadline import Deadline

# X509_V_ERR_* of OpenSSL's x509_vfy.h.
_EXPIRED = 10
_HOSTNAME_MISMATCH = 62
_IP_ADDRESS_MISMATCH = 64


@functools.lru_cache(maxsize=32)
def verifying_context(ca_certificate: str = "") -> ssl.SSLContext:
    """Return a context that verifies chain and name, TLS 1.2 or later.

    Kept for the next connection, because loading the system's authorities takes longer than
    everything else about a connection.

    Args:
        ca_certificate: PEM of an authority to trust beside the system's; "" for none.

    Raises:
        ssl.SSLError: `ca_certificate` is no certificate.
    """
    # imaplib and poplib would otherwise take a context that verifies nothing.
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_certificate:
        context.load_verify_locations(cadata=ca_certificate)
    return context


def secured(
    connection: socket.socket, host: str, port: int, ca_certificate: str, deadline: Deadline
) -> ssl.SSLSocket:
    """Return `connection` encrypted; `host` must be in the certificate. Closes it on failure.

    Raises:
        CertificateExpired, CertificateNameMismatch, CertificateUntrusted, TLSFailed,
        ConnectionTimedOut.
    """
    encrypted = None
    try:
        context = verifying_context(ca_certificate)
        connection.settimeout(deadline.remaining() or 0.001)
        encrypted = context.wrap_socket(
            connection,
            # A certificate holds names without the dot that ends an absolute one.
            server_hostname=host.rstrip("."),
            do_handshake_on_connect=False,
        )
        encrypted.do_handshake()
    except (OSError, ValueError) as error:  # ValueError: no possible name for SNI
        (encrypted or connection).close()
        raise _problem(error, host, port, deadline) from None
    return encrypted


def _problem(error: OSError | ValueError, host: str, port: int, deadline: Deadline) -> SourceError:
    if isinstance(error, TimeoutError):
        return ConnectionTimedOut(host=host, seconds=deadline.shown_seconds)
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code == _EXPIRED:
            return CertificateExpired(host=host)
        if error.verify_code in (_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH):
            return CertificateNameMismatch(host=host)
        return CertificateUntrusted(host=host)
    return TLSFailed(host=host, port=port)
