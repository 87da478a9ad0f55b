"""What sources that talk to a server have in common: the way in, and errors of ours only."""

from __future__ import annotations

import functools
import logging
import ssl
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import ClassVar, Concatenate, ParamSpec, TypeVar

from wagtail_mailarchive.exceptions import (
    ChangeRefused,
    ConnectionDropped,
    MailboxNotFound,
    PlaintextNotAllowed,
    ProtocolError,
    SourceError,
)

from . import address, tls
from .arguments import checked
from .base import Endpoint, Login, Security, ShownCertificate
from .channel import Bounds, Channel
from .deadline import Deadline, Timeouts

_log = logging.getLogger(__name__)

# Called with the name of each step of entering when it is done, and what was learnt by it.
Observe = Callable[[str, Mapping[str, str]], object]

LONGEST_GOODBYE = 5  # seconds
LARGEST = 256 * 1024 * 1024  # bytes

# What the libraries beneath raise when an answer is not what they expect, besides their own.
MISREADINGS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)

S = TypeVar("S", bound="Session")
P = ParamSpec("P")
R = TypeVar("R")


def own_errors_only(
    method: Callable[Concatenate[S, P], R],
) -> Callable[Concatenate[S, P], R]:
    """Let nothing but our own errors out of `method`, and none of what they were made of.

    An exception keeps the frames it passed and the exceptions it replaced, and those hold
    passwords and what the server said. So a fresh one is raised here, outside of any handler,
    and the connection is given up, except after MailboxNotFound and ChangeRefused: those were full
    answers, and another mailbox may be opened.
    """

    @functools.wraps(method)
    def guarded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        problem: SourceError
        try:
            return method(self, *args, **kwargs)
        except SourceError as error:
            problem = type(error)(**error.params)
        except self.misreadings as error:
            problem = self._understood(error)
            if type(problem) is ProtocolError:
                # Its text may quote the server; its kind and place in our code are all we may
                # keep.
                _log.warning(
                    "%s: %s in %s", self.endpoint.host, type(error).__name__, method.__name__
                )
        except BaseException as error:
            # Nobody foresaw it, so it goes on as it is; but reports of errors show the values
            # of every frame.
            _forget_values(error)
            raise
        if not isinstance(problem, (MailboxNotFound, ChangeRefused)):
            self._abandon()
        raise problem

    return guarded


def _forget_values(error: BaseException | None) -> None:
    """Clear the variables of the frames that `error`, and what led to it, has left."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


class Session(ABC):
    """The part of a `base.Source` that does not depend on the protocol.

    Args:
        endpoint: the server, the account, and where connections may go.
        timeouts: limits of single steps.
        until: when the whole run this connection serves must be over.
        bounds: limits of what is accepted from the server.
        largest: bytes of one message that `fetch_large` reads at most.
        lookup: answers like `socket.getaddrinfo`.
        observe: told of "resolve", "connect", "tls" and "login", each when it is done.
    """

    misreadings: ClassVar[tuple[type[Exception], ...]] = MISREADINGS

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeouts: Timeouts | None = None,
        until: Deadline | None = None,
        bounds: Bounds | None = None,
        largest: int = LARGEST,
        lookup: address.Lookup | None = None,
        observe: Observe = lambda step, facts: None,
    ) -> None:
        self.endpoint = endpoint
        self._timeouts = timeouts or Timeouts()
        self._until = until or Deadline()
        self._bounds = bounds or Bounds()
        self._largest = largest
        self._lookup = lookup
        self._observe = observe
        self._channel: Channel | None = None
        self._certificate: ShownCertificate | None = None

    @property
    def certificate(self) -> ShownCertificate | None:
        """What the server showed when it was entered; None without TLS."""
        return self._certificate

    @property
    def certificate_expires_at(self) -> datetime | None:
        """When that ends, aware; None without TLS."""
        return self._certificate.expires_at if self._certificate else None

    @property
    def change_seconds(self) -> float:
        """How long one method that changes something on the server may take at most."""
        return self._timeouts.change

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Grant all that is asked within the block, together, the time of one change."""
        channel = self._channel
        if channel is None:
            raise ConnectionDropped(host=self.endpoint.host)
        usual = channel.until
        channel.until = Deadline(self._timeouts.change).sooner(usual)
        try:
            yield
        finally:
            channel.until = usual

    def interrupt(self) -> None:
        """Make whatever another thread waits for here fail at once; callable from any thread."""
        channel = self._channel
        if channel is not None:
            channel.interrupt()

    def _connect(self) -> tuple[Channel, Deadline]:
        """Connect, encrypted where that comes first; return until when entering may take."""
        endpoint = self.endpoint
        checked("user name", endpoint.username)
        checked("access token" if endpoint.login is Login.OAUTH2 else "password", endpoint.secret)
        if endpoint.security is Security.PLAIN and not endpoint.reach.allow_plaintext:
            raise PlaintextNotAllowed(host=endpoint.host)
        deadline = Deadline(self._timeouts.connect).sooner(self._until)
        connection = address.connect(
            endpoint.host,
            endpoint.port,
            endpoint.reach,
            deadline,
            self._lookup,
            lambda: self._observe("resolve", {}),
        )
        self._observe("connect", {})
        if endpoint.security is Security.TLS:
            connection = tls.secured(connection, endpoint, deadline)
            self._note_certificate(connection)
        self._channel = Channel(connection, endpoint.host, self._timeouts, self._bounds, deadline)
        return self._channel, deadline

    def _encrypt(self, channel: Channel, deadline: Deadline) -> None:
        """Go on encrypted, after the server has agreed to.

        Raises:
            ProtocolError: it said more than that, which must not count afterwards.
        """
        channel.refuse_leftovers()
        encrypted = tls.secured(channel.connection, self.endpoint, deadline)
        channel.replace(encrypted)
        self._note_certificate(encrypted)

    def _note_certificate(self, encrypted: ssl.SSLSocket) -> None:
        shown = self._certificate = tls.shown_certificate(encrypted)
        self._observe(
            "tls",
            {
                "subject": shown.subject,
                "issuer": shown.issuer,
                "expires_at": shown.expires_at.isoformat(),
                "version": encrypted.version() or "",
            },
        )

    def _entered(self, channel: Channel) -> None:
        self._observe("login", {})
        channel.until = self._until

    def _abandon(self) -> None:
        """Close without a word; what was half received can never be read afterwards."""
        if self._channel is not None:
            self._channel.close()
        self._channel = None

    @abstractmethod
    def _understood(self, error: Exception) -> SourceError:
        """Return the error of ours that one of `misreadings` means."""
