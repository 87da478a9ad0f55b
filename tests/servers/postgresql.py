"""A private PostgreSQL cluster for tests and benchmarks, gone when they end."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Any, Self

from .account import unprivileged
from .ports import free_ports

_MISSING = "PostgreSQL is needed here: apt-get install postgresql"


class PostgreSQLUnavailable(RuntimeError):
    """It is not installed, or did not start; the message says what to do."""


def _binary(name: str) -> str:
    installed = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4])
    )
    found = str(installed[-1]) if installed else shutil.which(name)
    if found is None:
        raise PostgreSQLUnavailable(_MISSING)
    return found


class PostgreSQL:
    """A server on 127.0.0.1 at a free port, with one superuser and no password.

    Args:
        fsync: whether commits reach the disk as in production; tests need it not, benchmarks do.
        settings: more settings of postgresql.conf.
        keep: where its data is kept from one run to the next; without it all is gone at the end.
    """

    user = "mailarchive"
    database = "mailarchive"
    host = "127.0.0.1"

    def __init__(
        self,
        *,
        fsync: bool = False,
        settings: dict[str, str] | None = None,
        keep: Path | None = None,
    ) -> None:
        self.settings = {
            "fsync": "on" if fsync else "off",
            "synchronous_commit": "on" if fsync else "off",
            "full_page_writes": "on" if fsync else "off",
            "max_connections": "100",
            **(settings or {}),
        }
        self.port = 0
        self._keep = keep
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

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
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"

    def dsn(self) -> dict[str, Any]:
        """Return the connection's parameters by libpq's names."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "dbname": self.database,
        }

    def django(self) -> dict[str, Any]:
        """Return an entry for Django's DATABASES."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self.database,
            "USER": self.user,
            "HOST": self.host,
            "PORT": str(self.port),
        }

    def _start(self) -> None:
        account = unprivileged()
        # Short, because the path of a Unix socket may have 107 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="mapg", dir="/tmp"))
        account.own(self._folder)
        options: dict[str, Any] = {"cwd": self._folder, **account.process_options()}
        data = self._folder / "data"
        if self._keep is not None:
            self._keep.mkdir(parents=True, exist_ok=True)
            account.own(self._keep)
            data = self._keep / "data"
        is_new = not (data / "PG_VERSION").exists()
        if is_new:
            self._make(data, options)
        (self.port,) = free_ports(1)
        command = [_binary("postgres"), "-D", str(data), "-p", str(self.port)]
        command += ["-c", f"listen_addresses={self.host}"]
        command += ["-c", f"unix_socket_directories={self._folder}"]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        self._log = (self._folder / "log").open("wb")
        self._process = subprocess.Popen(
            command, stdout=self._log, stderr=subprocess.STDOUT, **options
        )
        self._await_readiness(self._process)
        if is_new:
            self.create(self.database)

    def _make(self, data: Path, options: dict[str, Any]) -> None:
        made = subprocess.run(
            [
                *(_binary("initdb"), "--pgdata", str(data), "--username", self.user),
                *("--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
            ],
            capture_output=True,
            text=True,
            check=False,
            **options,
        )
        if made.returncode:
            raise PostgreSQLUnavailable(f"initdb failed:\n{made.stdout}{made.stderr}")

    def create(self, database: str) -> None:
        """Make a database."""
        self._run("createdb", database)

    def dump(self, database: str, path: Path) -> None:
        """Write what is in a database to a file."""
        self._run("pg_dump", "--format=custom", f"--file={path}", database)

    def restore(self, path: Path, database: str) -> None:
        """Put what `dump` wrote into an empty database."""
        self._run("pg_restore", f"--dbname={database}", str(path))

    def _run(self, program: str, *arguments: str) -> None:
        to_here = ["-h", self.host, "-p", str(self.port), "-U", self.user]
        subprocess.run([_binary(program), *to_here, *arguments], check=True)

    def _await_readiness(self, process: subprocess.Popen[bytes]) -> None:
        command = [_binary("pg_isready"), "-q", "-h", self.host, "-p", str(self.port)]
        until = time.monotonic() + 30
        while subprocess.run(command, check=False).returncode:
            if process.poll() is not None or time.monotonic() > until:
                raise PostgreSQLUnavailable(f"PostgreSQL did not start:\n{self.log()}")
            time.sleep(0.05)

    def log(self) -> str:
        """Return what the server wrote."""
        if self._folder is None:
            return ""
        return (self._folder / "log").read_text(errors="replace")

    def stop(self) -> None:
        """End the server, its own process and no other, and remove its files."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)  # "fast": sessions are cut off
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait(20)
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None
