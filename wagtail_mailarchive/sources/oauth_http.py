"""HTTP with a token endpoint: an end to every wait, to every answer, and no going elsewhere.

requests bounds each socket operation and not their sum, follows redirects with the secrets of the
first request, and reads what comes. A token endpoint answers a kilobyte at once.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter

from .deadline import Deadline

T = TypeVar("T")

LARGEST_ANSWER = 64 * 1024
# Seconds, for one socket operation.
_SILENCE = 10
# A resolver that hangs cannot be interrupted, and must not eat threads without end.
_requests = threading.BoundedSemaphore(8)


class BoundedAdapter(HTTPAdapter):
    """Reads at most LARGEST_ANSWER, follows nothing, and can be cut off from another thread."""

    def __init__(self) -> None:
        super().__init__(max_retries=0)
        self._connections: list[Any] = []
        self._sockets: list[Any] = []

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        usual = pool.ConnectionCls
        connections, sockets = self._connections, self._sockets

        class Remembered(usual):  # type: ignore[misc, valid-type]
            def connect(self) -> None:
                connections.append(self)
                super().connect()
                # The connection itself forgets it while an answer without a length is read.
                sockets.append(self.sock)

        pool.ConnectionCls = Remembered
        return pool

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send and receive.

        Raises:
            requests.RequestException: also for an answer that is too large.
        """
        kwargs |= {"stream": True, "timeout": _SILENCE}
        with super().send(request, *args, **kwargs) as response:
            body = bytearray()
            for chunk in response.iter_content(8192):
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    raise requests.exceptions.ContentDecodingError("The answer is too large.")
            answer = requests.Response()
            answer.status_code = response.status_code
            answer.request = request
            answer.url = response.url
            answer.raw = io.BytesIO(body)
        # Without its headers, so that no redirection can be followed: a secret that was sent to
        # one address is not sent on to another.
        return answer

    def cut(self) -> None:
        """Make what waits for the server fail at once."""
        under_way = [connection.sock for connection in self._connections]
        for each in filter(None, [*under_way, *self._sockets]):
            with suppress(OSError):
                each.shutdown(SHUT_RDWR)


def within(deadline: Deadline, adapter: BoundedAdapter, call: Callable[[], T]) -> T:
    """Return what `call` returns, or raise what it raises.

    Args:
        deadline: when it is cut off.
        adapter: of the session that `call` uses.

    Raises:
        TimeoutError: it took longer.
    """
    outcome: list[T] = []
    problem: list[BaseException] = []
    done = threading.Event()

    def work() -> None:
        try:
            outcome.append(call())
        except BaseException as error:  # noqa: BLE001 (raised again in the caller's thread)
            problem.append(error)
        finally:
            _requests.release()
            done.set()

    if not _requests.acquire(timeout=deadline.remaining()):
        raise TimeoutError
    threading.Thread(target=work, name="mailarchive-oauth", daemon=True).start()
    if not done.wait(deadline.remaining()):
        adapter.cut()
        raise TimeoutError
    if problem:
        # Without the thread's frames, whose variables hold the secrets of the request: what hides
        # those of our callers in a report does not reach into another thread.
        raise problem[0].with_traceback(None)
    return outcome[0]


def json_object(response: requests.Response) -> Mapping[str, Any] | None:
    """Return the JSON object that `response` holds, None if it holds none."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
