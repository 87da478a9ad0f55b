"""A private Redis for tests, with nothing in it, gone when they end."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from .account import unprivileged
from .ports import free_ports

_MISSING = "Redis is needed here: apt-get install redis-server"


class RedisUnavailable(RuntimeError):
    """It is not installed, or did not start; the message says what to do."""


class Redis:
    """A server on 127.0.0.1 at a free port, which keeps nothing on disk."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.port = 0
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}/0"

    def _start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise RedisUnavailable(_MISSING)
        account = unprivileged()
        self._folder = Path(tempfile.mkdtemp(prefix="mard", dir="/tmp"))
        account.own(self._folder)
        (self.port,) = free_ports(1)
        options: dict[str, Any] = {"cwd": self._folder, **account.process_options()}
        command = [program, "--bind", self.host, "--port", str(self.port), "--save", ""]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, **options
            )
        self._await_readiness(self._process)

    def _await_readiness(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + 20
        while not self._answers():
            if process.poll() is not None or time.monotonic() > until:
                raise RedisUnavailable(f"Redis did not start:\n{self.log()}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(5) == b"+PONG"
        except OSError:
            return False

    def log(self) -> str:
        """Return what the server wrote."""
        if self._folder is None:
            return ""
        return (self._folder / "log").read_text(errors="replace")

    def stop(self) -> None:
        """End the server, its own process and no other, and remove its files."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(20)
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None
