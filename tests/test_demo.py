"""`make demo`: the intranet it makes, and that it leaves no process behind."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from example_project import keys
from example_project.demo import options
from tests.servers.ports import free_ports

PROJECT = Path(__file__).parent.parent
DEMO = [sys.executable, "-m", "example_project.demo"]
MANAGE = [sys.executable, "-m", "example_project.manage"]
PATIENCE = 240.0  # seconds; a busy machine is slow to start four processes


def settings(var: Path, **values: str) -> dict[str, str]:
    """The environment of a process that uses the example's settings with its data in `var`."""
    given = {"DEMO_VAR": str(var), "DJANGO_SETTINGS_MODULE": "example_project.settings"}
    return {**os.environ, **given, **values}


def wait_until(holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


# -- before anything starts ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "services",
    [
        {},
        {"DATABASE_URL": "postgresql://site:p%40ss@db:5432/site", "REDIS_URL": "redis://queue:1/0"},
    ],
    ids=["SQLite", "PostgreSQL and Redis"],
)
def test_settings_pass_every_check(tmp_path: Path, services: dict[str, str]) -> None:
    result = subprocess.run(
        [*MANAGE, "check", "--fail-level", "WARNING"],
        cwd=PROJECT,
        env=settings(tmp_path, **services),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result.stderr


def test_models_have_all_their_migrations(tmp_path: Path) -> None:
    result = subprocess.run(
        [*MANAGE, "makemigrations", "intranet", "--check", "--dry-run"],
        cwd=PROJECT,
        env=settings(tmp_path),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result.stdout


def test_a_port_in_use_gets_one_sentence_and_status_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        other = free_ports(1)[0]
        for variables, variable in (
            ({"DEMO_PORT": str(port), "DEMO_MAIL_PORT": str(other)}, "DEMO_PORT="),
            ({"DEMO_PORT": str(other), "DEMO_MAIL_PORT": str(port)}, "DEMO_MAIL_PORT="),
        ):
            result = subprocess.run(
                DEMO,
                cwd=PROJECT,
                env=settings(tmp_path, **variables),
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
            assert result.returncode == 1
            assert result.stdout == ""
            assert result.stderr.count("\n") == 1
            assert f"Port {port} is in use by another program." in result.stderr
            assert variable in result.stderr


def test_a_database_of_before_the_migrations_were_folded_gets_one_sentence(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as earlier:
        earlier.execute("CREATE TABLE django_migrations (id, app, name, applied datetime)")
        earlier.execute(
            "INSERT INTO django_migrations VALUES (?, ?, ?, ?)",
            (1, "wagtail_mailarchive", "0016_earlier", "2026-11-01 00:00:00"),
        )
        earlier.commit()
    ports = free_ports(2)
    variables = {"DEMO_PORT": str(ports[0]), "DEMO_MAIL_PORT": str(ports[1])}
    result = subprocess.run(
        DEMO,
        cwd=PROJECT,
        env=settings(tmp_path, **variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert result.returncode == 1
    assert f"An earlier version left its database in {tmp_path}." in result.stderr


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1", "٣"])
def test_what_is_no_port_is_named(port: str) -> None:
    with pytest.raises(options.CannotStart, match="is a number from 1 to 65535"):
        options.read([f"--port={port}"])


def test_both_servers_cannot_share_a_port() -> None:
    with pytest.raises(options.CannotStart, match="two different ports"):
        options.read(["--port=8000", "--mail-port=8000"])


def test_a_folder_serves_one_demo_at_a_time(tmp_path: Path) -> None:
    with (
        options.alone(tmp_path),
        pytest.raises(options.CannotStart, match="runs already"),
        options.alone(tmp_path),
    ):
        pytest.fail("two demos in one folder")
    with options.alone(tmp_path):
        assert (tmp_path / "lock").exists()


def test_keys_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    made = keys.kept(tmp_path / "var")
    assert keys.kept(tmp_path / "var") == made
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["keys.json"]
    assert (tmp_path / "var" / "keys.json").stat().st_mode & 0o777 == 0o600
    assert made.secret_key not in repr(made)
    assert made.encryption_key not in repr(made)


# -- the intranet --------------------------------------------------------------------------------

LOAD_TWICE = """
import json, os, pathlib, django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from wagtail.models import Page
from example_project.demo import content, people
from example_project.intranet.models import PersonalPage, WorkspacePage
from example_project.mail_server import Credentials, Login
from wagtail_mailarchive.models import EmailFolderPage, MailAccount, permissions

call_command("migrate", verbosity=0)
names = ("engineering", "events")

def load(port, password):
    logins = tuple(Login(name, f"{name}@tidemark.example", password) for name in names)
    passwords = people.passwords(pathlib.Path(os.environ["DEMO_VAR"]))
    is_new = content.load(Credentials("localhost", logins, "PEM"), port, 8000, passwords)
    return {
        "new": is_new,
        "pages": sorted(Page.objects.values_list("url_path", flat=True)),
        "users": User.objects.count(),
        "accounts": sorted(
            [account.email, account.port, account.endpoint().secret]
            for account in MailAccount.objects.all()
        ),
        "passwords": passwords,
    }

first = load(9993, "one")
page = WorkspacePage.objects.get(slug="events")
page.title = "Changed by somebody"
page.save()
second = load(9994, "two")

admin = Client(HTTP_HOST="localhost")
admin.force_login(User.objects.get(username="admin"))
personal = PersonalPage.objects.get()
folder = EmailFolderPage.objects.get(url_path="/tidemark/engineering/mail/")

def create_below(page):
    form = {"title": "Private mail", "slug": "private-mail", "description": ""}
    form |= {"comments-TOTAL_FORMS": 0, "comments-INITIAL_FORMS": 0, "action-publish": "1"}
    admin.post(f"/admin/pages/add/wagtail_mailarchive/emailfolderpage/{page.pk}/", form)
    return EmailFolderPage.objects.child_of(page).filter(slug="private-mail").exists()

def move_below(page):
    admin.post(f"/admin/pages/{folder.pk}/move/{page.pk}/confirm/")
    return EmailFolderPage.objects.get(pk=folder.pk).get_parent().pk == page.pk

managers = {user.username for user in permissions.managers_of(folder)}
events = WorkspacePage.objects.get(slug="events")
folder.slug = "engineering-mail"
folder.save()
print(json.dumps({
    "first": first,
    "second": second,
    "title": events.title,
    "managers": sorted(managers),
    "problems": [len(each) for each in Page.find_problems()],
    "created in workspace": create_below(events),
    "created in personal space": create_below(personal),
    "moved to personal space": move_below(personal),
    "moved to workspace": move_below(events),
}))
"""


@pytest.mark.slow
def test_the_intranet_is_made_once_and_its_personal_space_refuses_folders(
    tmp_path: Path, migrated_sqlite: Path
) -> None:
    # What there is to migrate beside the intranet's own, the demo below does.
    shutil.copyfile(migrated_sqlite, tmp_path / "db.sqlite3")
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD_TWICE],
        cwd=PROJECT,
        env=settings(tmp_path),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert result.returncode == 0, result.stderr
    told: dict[str, Any] = json.loads(result.stdout)

    first, second = told["first"], told["second"]
    assert first["new"]
    assert not second["new"]
    assert second["pages"] == first["pages"]
    assert {"/tidemark/engineering/mail/", "/tidemark/events/mail/", "/tidemark/mirjam/"} <= set(
        first["pages"]
    )
    assert second["users"] == first["users"] == 3
    assert second["passwords"] == first["passwords"]
    assert told["title"] == "Changed by somebody"
    assert told["managers"] == ["admin", "editor"]
    assert not any(told["problems"])
    # What the mail server's next start may change follows.
    assert first["accounts"] == [
        ["engineering@tidemark.example", 9993, "one"],
        ["events@tidemark.example", 9993, "one"],
    ]
    assert [account[1:] for account in second["accounts"]] == [[9994, "two"]] * 2

    assert told["created in workspace"]
    assert told["moved to workspace"]
    assert not told["created in personal space"]
    assert not told["moved to personal space"]


# -- the whole -----------------------------------------------------------------------------------


def processes_of(var: Path) -> list[str]:
    """The command lines of all living processes that were given `var`."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue  # it ended while we looked, or is somebody else's
        if f"DEMO_VAR={var}".encode() in environment and command:
            found.append(command.replace(b"\0", b" ").decode())
    return found


class Demo:
    """A demo that runs."""

    def __init__(self, var: Path, ports: list[int]) -> None:
        self.site = f"http://localhost:{ports[0]}"
        self._output = var.parent / "output"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [*DEMO, f"--port={ports[0]}", f"--mail-port={ports[1]}", f"--var={var}"],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8")

    def password(self, name: str) -> str:
        found = re.search(rf"(?m)^{name} +(\S+)", self.output)
        assert found, self.output
        return found[1]

    def wait_until_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, self.output
            return "Ctrl-C ends everything" in self.output

        wait_until(is_ready, "the demo did not get ready")


@contextmanager
def running(var: Path, ports: list[int]) -> Iterator[Demo]:
    demo = Demo(var, ports)
    try:
        demo.wait_until_ready()
        yield demo
    finally:
        demo.process.kill()
        demo.process.wait()


class Reader:
    """A browser without a screen."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies)
        )

    def open(self, path: str, form: dict[str, str] | None = None) -> str:
        """Return what the page says; `form` is posted with a CSRF token."""
        data = None
        if form is not None:
            token = next(each.value for each in self._cookies if each.name == "intranet_csrf")
            data = urllib.parse.urlencode({**form, "csrfmiddlewaretoken": token or ""}).encode()
        with self._opener.open(self._site + path, data, timeout=60) as answer:
            text: str = answer.read().decode()
        return text


@pytest.mark.slow
def test_the_demo_serves_its_mail_and_leaves_no_process_behind(tmp_path: Path) -> None:
    var, ports = tmp_path / "var", free_ports(2)
    with running(var, ports) as demo:
        assert re.search(r"Engineering mailbox: \d{2,} new messages", demo.output), demo.output
        assert re.search(r"Events mailbox: \d{2,} new messages", demo.output), demo.output
        password = demo.password("reader")

        reader = Reader(demo.site)
        assert "Sign in" in reader.open("/engineering/mail/")
        signed_in = reader.open(
            "/sign-in/",
            {"username": "reader", "password": password, "next": "/engineering/mail/"},
        )
        assert "Mail to engineering@" in signed_in
        by_date = reader.open("/engineering/mail/?view=date")
        message = re.search(r'__subject" href="(/engineering/mail/[^"/?]+/)"', by_date)
        assert message, by_date
        assert "Download original" in reader.open(message[1])
        assert "Mail to events@" in reader.open("/events/mail/")

        commands = " ".join(processes_of(var))
        for name in ("mail_server", "qcluster", "runserver"):
            assert name in commands
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(60) == 0, demo.output
        assert "Traceback" not in demo.output
        assert processes_of(var) == []

    with running(var, ports) as again:
        assert again.password("reader") == password
        assert again.output.count("nothing new") == 2, again.output
        # Nobody can tell the children any more; the system does.
        again.process.kill()
        again.process.wait()
        wait_until(lambda: processes_of(var) == [], "children outlived the demo", 60)
