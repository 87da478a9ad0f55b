"""What the demo is told, and whether the machine allows it."""

from __future__ import annotations

import argparse
import errno
import fcntl
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class CannotStart(Exception):
    """One sentence for the terminal."""


@dataclass(frozen=True)
class Options:
    """Where and on which ports of localhost the demo runs."""

    var: Path
    port: int
    mail_port: int

    def environment(self) -> dict[str, str]:
        """Return what the intranet's settings read."""
        return {
            "DEMO_VAR": str(self.var),
            "DEMO_PORT": str(self.port),
            "DEMO_MAIL_PORT": str(self.mail_port),
            "DJANGO_SETTINGS_MODULE": "example_project.settings",
        }


def read(arguments: Sequence[str] | None) -> Options:
    """Return the options given, else those of the environment, else the defaults.

    Raises:
        CannotStart: a port is no number, or both are the same.
        SystemExit: an argument is none of these.
    """
    default = Path(__file__).parent.parent / "var"
    parser = argparse.ArgumentParser(
        prog="example_project.demo", description="A small intranet with mail, until Ctrl-C."
    )
    parser.add_argument("--port", help="of the web server; or DEMO_PORT (8000)")
    parser.add_argument("--mail-port", help="of the mail server; or DEMO_MAIL_PORT (9993)")
    parser.add_argument("--var", help="folder of all data; or DEMO_VAR (example_project/var)")
    given = parser.parse_args(arguments)
    options = Options(
        var=Path(given.var or os.environ.get("DEMO_VAR") or default).resolve(),
        port=_port(given.port or os.environ.get("DEMO_PORT") or "8000", "DEMO_PORT"),
        mail_port=_port(
            given.mail_port or os.environ.get("DEMO_MAIL_PORT") or "9993", "DEMO_MAIL_PORT"
        ),
    )
    if options.port == options.mail_port:
        raise CannotStart("The web server and the mail server need two different ports.")
    return options


def _port(text: str, variable: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) <= 65535:
        return int(text)
    raise CannotStart(f"{variable} is {text!r}; a port is a number from 1 to 65535.")


def check_ports(options: Options) -> None:
    """See that both ports can be had.

    Raises:
        CannotStart: one cannot.
    """
    for port, variable, option in (
        (options.port, "DEMO_PORT", "--port"),
        (options.mail_port, "DEMO_MAIL_PORT", "--mail-port"),
    ):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError as error:
                raise CannotStart(_port_refused(error, port, variable, option)) from None


def _port_refused(error: OSError, port: int, variable: str, option: str) -> str:
    if error.errno == errno.EADDRINUSE:
        reason = f"Port {port} is in use by another program."
    else:
        reason = f"Port {port} cannot be used: {os.strerror(error.errno or 0)}."
    other = port + 1 if 1024 <= port < 65535 else 8080
    return f"{reason} Choose another one: {variable}={other} make demo (or {option} {other})."


@contextmanager
def alone(var: Path) -> Iterator[None]:
    """Hold the folder for this demo alone; the system lets go of it however the demo ends.

    Raises:
        CannotStart: another demo runs there, or the folder cannot be written.
    """
    try:
        var.mkdir(parents=True, exist_ok=True)
        file = (var / "lock").open("w")
    except OSError as error:
        raise CannotStart(f"{var} cannot be written: {os.strerror(error.errno or 0)}.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(
                f"A demo runs already in {var}. End it first, or choose another folder: "
                "DEMO_VAR=/some/folder make demo."
            ) from None
        yield
