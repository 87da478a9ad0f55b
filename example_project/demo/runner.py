"""The demo from its start to Ctrl-C."""

from __future__ import annotations

import http.client
import logging
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from example_project import mail_server

from . import options as chosen
from .options import CannotStart, Options
from .processes import PROJECT, Child, end_all

READY = 60.0  # seconds that a server gets to answer
_BEGIN, _END = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")


class Ended(Exception):
    """A child ended although nobody asked it to."""

    def __init__(self, child: Child) -> None:
        super().__init__(
            f"{child.name} ended by itself. The end of {_shown(child.log)}:\n{child.last_lines()}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return its exit status: 0 after Ctrl-C, 1 where it cannot run."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Set for SIGINT, too: a shell starts background jobs with it ignored.
        signal.signal(number, signal.default_int_handler)
    children: list[Child] = []
    try:
        options = chosen.read(arguments)
        with chosen.alone(options.var):
            try:
                _run(options, children)
            finally:
                _end(children)
    except (CannotStart, Ended) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("The demo has ended. It goes on from here the next time.")
    return 0


def _end(children: list[Child]) -> None:
    if not children:
        return
    # A second Ctrl-C would leave behind what the first one is about to end.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    print("\nEnding ...", flush=True)
    end_all(children)


def _run(options: Options, children: list[Child]) -> None:
    chosen.check_ports(options)
    os.environ.update(options.environment())
    is_first = not (options.var / "passwords.json").exists()
    _say("Preparing the intranet and its mail ..." if is_first else "Starting ...")
    passwords = _prepare(options)

    def check() -> None:
        for child in children:
            if child.has_ended:
                raise Ended(child)

    _start(options, children)
    _wait_until(lambda: _mail_answers(children[0]), "The mail server", check)
    _wait_until(lambda: _web_answers(options.port), "The web server", check)
    _say("Fetching mail ...")
    _fetch(check)
    _announce(options, passwords)
    while True:
        check()
        time.sleep(0.5)


def _prepare(options: Options) -> dict[str, str]:
    """Bring database and content up to date; return user name -> password."""
    import django

    django.setup()
    # This process talks to the terminal, its log goes where the children's go.
    logging.basicConfig(filename=options.var / "demo.log", filemode="w", force=True)

    from django.core.management import call_command
    from django.db import OperationalError

    from . import content, people

    try:
        _refuse_earlier(options)
        call_command("migrate", interactive=False, verbosity=0)
    except OperationalError as error:
        raise CannotStart(f"The database does not answer: {error}") from None
    credentials = mail_server.prepare(_mail(options))
    passwords = people.passwords(options.var)
    content.load(credentials, options.mail_port, options.port, passwords)
    return passwords


def _refuse_earlier(options: Options) -> None:
    """Refuse a database whose migrations have since been folded into one."""
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection)
    if any(
        app == "wagtail_mailarchive" and (app, name) not in loader.disk_migrations
        for app, name in loader.applied_migrations
    ):
        raise CannotStart(
            f"An earlier version left its database in {options.var}. Remove that folder and start "
            "again: the demo makes all of it anew."
        )


def _start(options: Options, children: list[Child]) -> None:
    manage = [sys.executable, "-m", "example_project.manage"]
    # --insecure: static files although DEBUG is off; a real site's web server does that.
    web = ["runserver", "--noreload", "--insecure", f"127.0.0.1:{options.port}"]
    commands = {
        "mail": ("The mail server", mail_server.command(_mail(options), options.mail_port)),
        "worker": ("The worker", [*manage, "qcluster"]),
        "web": ("The web server", [*manage, *web]),
    }
    for log, (name, command) in commands.items():
        child = Child(name, command, options.var / f"{log}.log", options.environment())
        children.append(child)


def _wait_until(answers: Callable[[], bool], name: str, check: Callable[[], None]) -> None:
    deadline = time.monotonic() + READY
    while not answers():
        check()
        if time.monotonic() > deadline:
            raise CannotStart(f"{name} did not answer within {READY:.0f} seconds.")
        time.sleep(0.1)


def _mail_answers(server: Child) -> bool:
    return "Mail server:" in server.log.read_text(encoding="utf-8", errors="replace")


def _web_answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except ConnectionError:
        return False
    finally:
        connection.close()


def _fetch(check: Callable[[], None]) -> None:
    from django.db import connection

    from .first_fetch import fetch

    fetch(check)
    # Nothing more is asked, and an idle connection would hold SQLite's log back.
    connection.close()


def _announce(options: Options, passwords: dict[str, str]) -> None:
    from wagtail_mailarchive.models import EmailFolderPage

    site = f"http://localhost:{options.port}"
    deliver = [sys.executable, "-m", "example_project.mail_server", "deliver"]
    print(f"\n{_BEGIN}The intranet    {site}/{_END}")
    for folder in EmailFolderPage.objects.live().order_by("path"):
        print(f"  {folder.title:<22}{site}{folder.url}")
    print(f"{_BEGIN}Wagtail's admin {site}/admin/{_END}\n")
    print("User      Password        May")
    rights = {
        "admin": "do everything",
        "editor": "write pages, connect mail accounts, fetch mail",
        "reader": "read",
    }
    for name, password in passwords.items():
        print(f"{name:<10}{password:<16}{rights[name]}")
    print(
        "\nLet another message arrive, then press “Fetch new mail” in its folder:\n  "
        + shlex.join([*map(_shown, deliver), "--dir", _shown(_mail(options))])
    )
    print(f"\nLogs are in {_shown(options.var)}. Ctrl-C ends everything.", flush=True)


def _mail(options: Options) -> Path:
    return options.var / "mail-server"


def _shown(path: Path | str) -> str:
    """Return a path as one would type it here."""
    text = str(path)
    return text.removeprefix(f"{PROJECT}/") if Path.cwd() == PROJECT else text


def _say(sentence: str) -> None:
    print(sentence, flush=True)
