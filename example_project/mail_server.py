"""The demo's mail server: pymap in a process of its own, IMAP over TLS on loopback.

    python -m example_project.mail_server --dir VAR --port 9993      serve until SIGTERM
    python -m example_project.mail_server deliver --dir VAR          one more message arrives

What lies in VAR: mail/ (a Maildir for each account, and pymap's user files), ca.pem, server.pem,
credentials.json, arrivals (how many messages came after the seeding).
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import os
import secrets
import shutil
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from . import mail_certificates, mail_service
from .demo_mail import ACCOUNTS, DemoMessage, messages, seeding
from .demo_mail.later import arrival

HOST = "localhost"


@dataclass(frozen=True)
class Login:
    """How to open one account.

    Attributes:
        name: of the account, e.g. "engineering".
    """

    name: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Credentials:
    """What a client needs besides the port.

    Attributes:
        host: the name that the certificate holds.
        ca_certificate: PEM of the authority to trust.
    """

    host: str
    logins: tuple[Login, ...]
    ca_certificate: str = field(repr=False)


def prepare(directory: Path) -> Credentials:
    """Make certificate, users and mail in `directory` unless they are there, and say how to log in.

    Mail is seeded as of today, once; what clients and `deliver` did since is kept.

    Raises:
        OSError: `directory` cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    stored = directory / "credentials.json"
    if not stored.exists():
        mail_certificates.make(directory)
        logins = [Login(each.name, each.address, secrets.token_urlsafe(12)) for each in ACCOUNTS]
        _seed(directory, logins)
        # Written last: a first start that was interrupted begins anew.
        text = json.dumps([asdict(login) for login in logins], indent=2)
        _write_private(stored, text)
    logins = [Login(**each) for each in json.loads(stored.read_text(encoding="utf-8"))]
    authority = (directory / "ca.pem").read_text(encoding="ascii")
    return Credentials(HOST, tuple(logins), authority)


def command(directory: Path, port: int) -> list[str]:
    """Return the command that serves `directory` on `port`, to be run in the project's folder."""
    module = [sys.executable, "-m", "example_project.mail_server"]
    return [*module, "--dir", str(directory), "--port", str(port)]


def deliver(directory: Path) -> DemoMessage:
    """Let one more message arrive now, whether the server runs or not, and return it.

    Raises:
        OSError: `directory` was not prepared.
    """
    counter = directory / "arrivals"
    number = int(counter.read_text()) if counter.exists() else 0
    message = arrival(number, datetime.now(UTC))
    seeding.add(directory / "mail" / message.mailbox, message, number)
    counter.write_text(str(number + 1))
    return message


def _seed(directory: Path, logins: list[Login]) -> None:
    mail = directory / "mail"
    shutil.rmtree(mail, ignore_errors=True)
    mail.mkdir()
    found = messages(datetime.now(UTC))
    users, shadow = [], []
    for login in logins:
        seeding.write(mail / login.name, [each for each in found if each.mailbox == login.name])
        # Like passwd(5) and shadow(5); the home directory is the account's Maildir.
        users.append(f"{login.username}:x::::{login.name}:\r\n")
        shadow.append(f"{login.username}:{mail_service.HASHING.hash(login.password)}:::::::\r\n")
    _write_private(mail / mail_service.USERS_FILE, "".join(users))
    _write_private(mail / mail_service.PASSWORDS_FILE, "".join(shadow))


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8", newline="")


def main(arguments: list[str] | None = None) -> int:
    """Run one of the two commands; return the exit status."""
    parser = argparse.ArgumentParser(prog="example_project.mail_server", description=__doc__)
    parser.add_argument("action", nargs="?", choices=("serve", "deliver"), default="serve")
    parser.add_argument("--dir", type=Path, required=True, help="where mail and keys are kept")
    parser.add_argument("--port", type=int, default=9993, help="to listen on, on 127.0.0.1")
    options = parser.parse_args(arguments)
    directory: Path = options.dir.resolve()
    try:
        prepare(directory)
        if options.action == "deliver":
            print(f"One new message arrived in the mailbox {deliver(directory).mailbox}.")
            return 0
        asyncio.run(mail_service.serve(directory, options.port))
    except OSError as error:
        print(_sentence(error, directory, options.port), file=sys.stderr)
        return 1
    return 0


def _sentence(error: OSError, directory: Path, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use by another program; choose another one with --port."
    if error.filename:
        return f"The mail server cannot use {error.filename}: {os.strerror(error.errno or 0)}."
    return f"The mail server cannot listen on port {port}: {os.strerror(error.errno or 0)}."


if __name__ == "__main__":
    sys.exit(main())
