"""A link with a delay: a TCP proxy on the loopback interface.

Each piece is passed on a fixed time after it came; pieces overtake nothing and wait for nothing
else, so the delay costs no bandwidth.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_PIECE = 256 * 1024
_IN_FLIGHT = 256  # pieces; more than anybody sends within the delay


class SlowLink:
    """Forwards connections to `port` of 127.0.0.1.

    Args:
        delay: seconds, each way.

    Attributes:
        port: where to connect instead.
    """

    def __init__(self, port: int, delay: float) -> None:
        self.port = 0
        self._target = port
        self._delay = delay
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._connected, "127.0.0.1", 0, limit=_PIECE), self._loop
        ).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _connected(
        self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        server, to_server = await asyncio.open_connection("127.0.0.1", self._target, limit=_PIECE)
        await asyncio.gather(self._pass_on(client, to_server), self._pass_on(server, to_client))

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_IN_FLIGHT)
        sending = asyncio.create_task(self._send(waiting, sink))
        with suppress(ConnectionError):
            while True:
                piece = await source.read(_PIECE)
                await waiting.put((self._loop.time() + self._delay, piece))
                if not piece:
                    break
        await sending

    async def _send(
        self, waiting: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError):
            while True:
                due, piece = await waiting.get()
                await asyncio.sleep(due - self._loop.time())
                if not piece:
                    break
                sink.write(piece)
                await sink.drain()
        sink.close()
