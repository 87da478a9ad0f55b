"""The guard against being sent to places inside the site's own network (SSRF).

An editor names a host; this module decides whether that host may be spoken to at all. The name
is resolved once, every address it has is judged, and the connection goes to an address that was
judged, never to the name again: a name that answers differently the second time gains nothing.
Every refusal reads the same, so that the form is no scanner of the network behind it.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable
from typing import Any

from wagtail_mailarchive.exceptions import (
    ConnectionRefused,
    ConnectionTimedOut,
    HostNotAllowed,
    HostNotFound,
)

from .arguments import checked
from .base import Reach
from .deadline import Deadline

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
SocketAddress = tuple[Any, ...]
Lookup = Callable[..., list[tuple[Any, Any, int, str, SocketAddress]]]

# Only these IPv6 addresses are handed out for the public internet (RFC 4291 section 2.4), so
# whatever lies outside is refused without naming it: loopback, link-local, site-local,
# unique-local, multicast, IPv4-compatible, local-use NAT64 (64:ff9b:1::/48) and the rest.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NOT_QUITE_GLOBAL = (
    ipaddress.IPv6Network("2001::/23"),  # protocol assignments, Teredo among them
    ipaddress.IPv6Network("2001:db8::/32"),  # documentation
    ipaddress.IPv6Network("2002::/16"),  # 6to4, which carries any IPv4 address (RFC 7526)
    ipaddress.IPv6Network("3fff::/20"),  # documentation
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # what DNS64 makes of IPv4 (RFC 6052)

# getaddrinfo() cannot be interrupted; a resolver that hangs must not eat threads without end.
_lookups = threading.BoundedSemaphore(16)


def connect(
    host: str,
    port: int,
    reach: Reach,
    deadline: Deadline,
    lookup: Lookup | None = None,
    resolved: Callable[[], object] = lambda: None,
) -> socket.socket:
    """Connect to `host` at an address the rules of `reach` allow.

    Addresses are tried in the resolver's order, each with a fair share of the time left.

    Args:
        lookup: answers like `socket.getaddrinfo`.
        resolved: called when the addresses are known and allowed, before the first is tried.

    Raises:
        UnsafeArgument, HostNotAllowed, HostNotFound, ConnectionRefused, ConnectionTimedOut.
    """
    checked("host name", host)
    if port not in reach.allowed_ports:
        raise HostNotAllowed(host=host, port=port)
    found = _resolve(host, port, deadline, lookup or socket.getaddrinfo)
    if _normalised(host) not in {_normalised(name) for name in reach.allowed_hosts}:
        for _family, address in found:
            if not is_allowed(address, reach):
                raise HostNotAllowed(host=host, port=port)
    resolved()
    return _connect_first(host, port, found, deadline)


def is_allowed(address: SocketAddress, reach: Reach) -> bool:
    """Say whether a socket address, as the resolver gave it, may be connected to."""
    try:
        # A zone ("fe80::1%eth0") does not change whose address it is.
        ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
    except ValueError:
        return False
    ip = _embedded_ipv4(ip) or ip
    return any(ip in network for network in reach.allowed_networks) or _is_public(ip)


def _embedded_ipv4(ip: IPAddress) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that a packet to `ip` would really go to, if it names one."""
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped


def _is_public(ip: IPAddress) -> bool:
    # is_global alone lets multicast pass.
    if ip.is_multicast or not ip.is_global:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return not ip.is_reserved
    return ip in _GLOBAL_UNICAST and not any(ip in network for network in _NOT_QUITE_GLOBAL)


def _normalised(host: str) -> str:
    return host.rstrip(".").casefold()


def _resolve(
    host: str, port: int, deadline: Deadline, lookup: Lookup
) -> list[tuple[socket.AddressFamily, SocketAddress]]:
    answers: list[tuple[socket.AddressFamily, SocketAddress]] = []
    done = threading.Event()

    def ask() -> None:
        try:
            for family, _type, _protocol, _name, address in lookup(
                host, port, type=socket.SOCK_STREAM
            ):
                if (family, address) not in answers:
                    answers.append((family, address))
        except (OSError, UnicodeError, ValueError):
            # No such name, or nothing that could be a name: no answers either way.
            answers.clear()
        finally:
            _lookups.release()
            done.set()

    if not _lookups.acquire(timeout=min(deadline.remaining(), threading.TIMEOUT_MAX)):
        raise ConnectionTimedOut(host=host, seconds=deadline.shown_seconds)
    threading.Thread(target=ask, name="mailarchive-lookup", daemon=True).start()
    if not done.wait(min(deadline.remaining(), threading.TIMEOUT_MAX)):
        raise ConnectionTimedOut(host=host, seconds=deadline.shown_seconds)
    if not answers:
        raise HostNotFound(host=host)
    return answers


def _connect_first(
    host: str,
    port: int,
    found: list[tuple[socket.AddressFamily, SocketAddress]],
    deadline: Deadline,
) -> socket.socket:
    timed_out = False
    for position, (family, address) in enumerate(found):
        share = deadline.remaining() / (len(found) - position)
        if not share:
            timed_out = True
            break
        connection = None
        try:
            connection = socket.socket(family, socket.SOCK_STREAM)
            connection.settimeout(share)
            connection.connect(address)
            # Commands are short and each waits for its answer: no use in collecting them.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            if connection is not None:
                connection.close()
            timed_out = timed_out or isinstance(error, TimeoutError)
        else:
            return connection
    if timed_out:
        raise ConnectionTimedOut(host=host, seconds=deadline.shown_seconds)
    raise ConnectionRefused(host=host, port=port)
