"""The guard lets connections out to mail servers of the internet, and nowhere else unasked."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from wagtail_mailarchive.exceptions import (
    ConnectionRefused,
    ConnectionTimedOut,
    HostNotAllowed,
    HostNotFound,
    UnsafeArgument,
)
from wagtail_mailarchive.sources import address
from wagtail_mailarchive.sources.base import Reach
from wagtail_mailarchive.sources.deadline import Deadline

FORBIDDEN = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::8.8.8.8",
    "2001:0:7f00:1::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "100::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
]

GLOBAL = ["8.8.8.8", "2a00:1450:4001:82a::200e", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]


def resolving_to(*addresses: str) -> address.Lookup:
    """Return a resolver that knows these addresses for every name."""

    def lookup(host: str, port: int, **options: Any) -> list[Any]:
        return [
            (
                socket.AF_INET6 if ":" in one else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (one, port, 0, 0) if ":" in one else (one, port),
            )
            for one in addresses
        ]

    return lookup


@pytest.fixture
def listening() -> Any:
    """Return the port of a server that accepts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> int:
    """Return a port that refuses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.parametrize("forbidden", FORBIDDEN)
def test_addresses_that_are_not_global_are_refused(forbidden: str) -> None:
    with pytest.raises(HostNotAllowed):
        address.connect("mail.example", 993, Reach(), Deadline(30), resolving_to(forbidden))


@pytest.mark.parametrize("written", GLOBAL)
def test_global_addresses_are_allowed(written: str) -> None:
    assert address.is_allowed((written, 993), Reach())


@pytest.mark.parametrize(
    "host", ["localhost", "127.1", "0x7f000001", "2130706433", "017700000001", "0", "::1"]
)
def test_every_spelling_of_this_machine_is_refused(host: str) -> None:
    with pytest.raises((HostNotAllowed, HostNotFound)):
        address.connect(host, 993, Reach(), Deadline(30))


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "localhost"])
def test_spellings_the_resolver_understands_are_refused_by_the_guard(host: str) -> None:
    with pytest.raises(HostNotAllowed):
        address.connect(host, 993, Reach(), Deadline(30))


def test_one_forbidden_address_among_good_ones_refuses_the_name() -> None:
    lookup = resolving_to("8.8.8.8", "10.0.0.1")
    with pytest.raises(HostNotAllowed):
        address.connect("mail.example", 993, Reach(), Deadline(30), lookup)


def test_a_port_outside_the_list_is_refused_before_the_name_is_looked_up() -> None:
    def lookup(*_: Any, **__: Any) -> list[Any]:
        raise AssertionError("looked up")

    with pytest.raises(HostNotAllowed):
        address.connect("mail.example", 22, Reach(), Deadline(30), lookup)


def test_every_refusal_has_the_same_sentence() -> None:
    sentences = set()
    for reach, resolved in [(Reach(allowed_ports=frozenset()), "8.8.8.8"), (Reach(), "127.0.0.1")]:
        with pytest.raises(HostNotAllowed) as caught:
            address.connect("mail.example", 993, reach, Deadline(30), resolving_to(resolved))
        sentences.add(str(caught.value))
    assert len(sentences) == 1


def test_the_name_is_resolved_once_and_the_checked_address_used(listening: int) -> None:
    asked = []

    def lookup(host: str, port: int, **options: Any) -> list[Any]:
        asked.append(host)
        return resolving_to("127.0.0.1")(host, port)

    reach = Reach(
        allowed_networks=(ipaddress.IPv4Network("127.0.0.0/8"),),
        allowed_ports=frozenset({listening}),
    )
    with address.connect("mail.example", listening, reach, Deadline(30), lookup) as connection:
        assert connection.getpeername() == ("127.0.0.1", listening)
    assert asked == ["mail.example"]


@pytest.mark.parametrize("allowed", ["mail.intranet", "MAIL.Intranet", "mail.intranet."])
def test_an_allowed_name_may_resolve_to_anything(allowed: str, listening: int) -> None:
    reach = Reach(allowed_hosts=frozenset({allowed}), allowed_ports=frozenset({listening}))
    lookup = resolving_to("127.0.0.1")
    address.connect("mail.intranet", listening, reach, Deadline(30), lookup).close()


def test_an_allowed_network_counts_for_addresses_that_embed_it() -> None:
    reach = Reach(allowed_networks=(ipaddress.IPv4Network("10.0.0.0/8"),))
    assert address.is_allowed(("::ffff:10.1.2.3", 993), reach)
    assert address.is_allowed(("64:ff9b::10.1.2.3", 993), reach)
    assert not address.is_allowed(("::ffff:192.168.1.1", 993), reach)


def test_the_next_address_is_tried_when_the_first_refuses(listening: int) -> None:
    def lookup(host: str, port: int, **options: Any) -> list[Any]:
        return resolving_to("::1", "127.0.0.1")(host, port)

    reach = Reach(allowed_hosts=frozenset({"mail.example"}), allowed_ports=frozenset({listening}))
    address.connect("mail.example", listening, reach, Deadline(30), lookup).close()


def test_a_port_nobody_listens_on(closed: int) -> None:
    reach = Reach(allowed_hosts=frozenset({"localhost"}), allowed_ports=frozenset({closed}))
    with pytest.raises(ConnectionRefused) as caught:
        address.connect("localhost", closed, reach, Deadline(30))
    assert str(closed) in str(caught.value)


@pytest.mark.parametrize(
    "host", ["nowhere.invalid", "", " ", "a" * 64 + ".example", "host name", "[::1]"]
)
def test_a_name_that_does_not_exist(host: str) -> None:
    with pytest.raises(HostNotFound):
        address.connect(host, 993, Reach(), Deadline(30), failing_lookup)


def failing_lookup(host: str, port: int, **options: Any) -> list[Any]:
    # The real one, except that names which could exist are not asked for over the network.
    if host == "nowhere.invalid":
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST, **options)


@pytest.mark.parametrize("host", ["mail.example\r\nA1 LOGOUT", "mail\nexample", "mail\0example"])
def test_line_breaks_in_a_host_name_are_refused(host: str) -> None:
    with pytest.raises(UnsafeArgument):
        address.connect(host, 993, Reach(), Deadline(30))


def test_a_resolver_that_hangs_does_not_outlive_the_deadline() -> None:
    hang = threading.Event()

    def lookup(*_: Any, **__: Any) -> list[Any]:
        hang.wait(20)
        return []

    began = time.monotonic()
    try:
        with pytest.raises(ConnectionTimedOut):
            address.connect("mail.example", 993, Reach(), Deadline(0.2), lookup)
    finally:
        hang.set()
    assert time.monotonic() - began < 10


def test_an_address_that_swallows_packets_does_not_outlive_the_deadline(
    swallowing: Callable[[], int],
) -> None:
    port = swallowing()
    reach = Reach(allowed_hosts=frozenset({"localhost"}), allowed_ports=frozenset({port}))
    began = time.monotonic()
    with pytest.raises(ConnectionTimedOut):
        address.connect("localhost", port, reach, Deadline(0.4), resolving_to("127.0.0.1"))
    assert time.monotonic() - began < 10


@pytest.fixture
def swallowing() -> Any:
    """Return a function that opens a port whose queue of connections is full."""
    held: list[socket.socket] = []

    def listen() -> int:
        server = socket.socket()
        held.append(server)
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port: int = server.getsockname()[1]
        for _ in range(4):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
            held.append(waiting)
        time.sleep(0.05)
        return port

    yield listen
    for one in held:
        one.close()
