"""sdist and wheel hold what they must, and the README's steps work in a fresh site.

The steps are read out of README.md, so that it cannot say what was not tried.
"""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "wagtail_mailarchive"
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "build", "dist", "var", "__pycache__", "*.egg-info", "*.sqlite3*", ".*_cache"
)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with a freshly built sdist, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("packaging")
    # Building writes beside the sources, so it gets a copy of them.
    shutil.copytree(ROOT, folder / "source", ignore=_LEFT_OUT)
    _run([sys.executable, "-m", "build", "--outdir", str(folder / "dist")], folder / "source")
    return folder / "dist"


def _run(command: list[str], cwd: Path, **environment: str) -> str:
    ended = subprocess.run(
        command,
        cwd=cwd,
        env={**_environment(), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def _environment() -> dict[str, str]:
    """What the shell of a stranger would have: nothing that points into this checkout."""
    ours = ("PYTHON", "DJANGO", "VIRTUAL_ENV", "TEST_", "WAGTAIL")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _package_files() -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / PACKAGE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert held == _package_files()
    assert f"{PACKAGE}/py.typed" in held
    assert f"{PACKAGE}/templates/{PACKAGE}/email_folder_page.html" in held
    assert any(name.startswith(f"{PACKAGE}/static/") for name in held)


@pytest.mark.slow
def test_the_sdist_holds_what_it_takes_to_test_it(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}

    assert _package_files() <= held
    assert {"Makefile", "README.md", "LICENSE", "setup.cfg", "tests/settings.py"} <= held
    assert "tests/servers/dovecot.py" in held
    assert not [name for name in held if "__pycache__" in name or "sqlite3" in name]


def test_every_dependency_has_its_reason() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lists = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    lines = [line.strip() for text in lists for line in text.splitlines() if line.strip()]
    names = {re.split(r"[\[<>=~ ]", line)[0] for line in lines} - {"wagtail-mailarchive"}
    page = (ROOT / "docs" / "explanation" / "dependencies.md").read_text()

    assert "Django" in names
    assert [name for name in sorted(names) if not re.search(rf"\| [^|]*\b{name}\b", page)] == []


# -- the README's steps ----------------------------------------------------------------------


def _blocks(section: str) -> list[tuple[str, str]]:
    """The fenced blocks (language, text) of a section of the README."""
    text = (ROOT / "README.md").read_text()
    body = text.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^```(\w+)\n(.*?)^```$", body, re.MULTILINE | re.DOTALL)


def _commands(section: str) -> list[str]:
    return [
        line
        for language, text in _blocks(section)
        if language == "sh"
        for line in text.splitlines()
        if line
    ]


def _pastes(section: str) -> dict[str, str]:
    """What is to be pasted at the end of which file, as the first line of each block says."""
    pastes = {}
    for language, text in _blocks(section):
        if language == "python":
            place, block = text.split("\n", 1)
            match = re.fullmatch(r"# (\S+), at its end", place)
            assert match, place
            pastes[match[1]] = block
    return pastes


class FreshSite:
    """A site of `wagtail start` in an environment of its own."""

    def __init__(self, folder: Path, dist: Path) -> None:
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        self.key = ""
        _run([sys.executable, "-m", "venv", str(folder / "venv")], folder)
        shutil.copytree(dist, folder / "dist")

    def sh(self, command: str) -> str:
        """Run a line of the README, with the site's environment first in the PATH."""
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        # Most of what is installed is never imported, so it need not be compiled.
        given = {"PATH": path, "MAILARCHIVE_KEY": self.key, "PIP_NO_COMPILE": "1"}
        return _run(["sh", "-c", command], self.folder, **given)

    def shell(self, script: str) -> str:
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        command = [str(self.bin / "python"), "manage.py", "shell", "--no-imports", "-c", script]
        return _run(command, self.folder, PATH=path, MAILARCHIVE_KEY=self.key)


FIRST_FOLDER = """
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from home.models import HomePage
from wagtail_mailarchive.models import EmailFolderPage
from django_q.models import Schedule

assert Schedule.objects.filter(func__startswith="wagtail_mailarchive.").count() == 1
get_user_model().objects.create_superuser("admin", "admin@example.org", "password")
home = HomePage.objects.get()
folder = home.add_child(instance=EmailFolderPage(title="Mail", slug="project-mail"))
stranger, admin = Client(), Client()
assert admin.login(username="admin", password="password")
assert stranger.get("/project-mail/").status_code == 302
page = admin.get("/project-mail/")
assert page.status_code == 200 and b"Mail" in page.content, page.content
for name, number in [("edit", folder.pk), ("add_subpage", home.pk)]:
    assert admin.get(reverse(f"wagtailadmin_pages:{name}", args=[number])).status_code == 200
explorer = admin.get(reverse("wagtailadmin_explore", args=[home.pk]))
assert b"project-mail" in explorer.content or b"Mail" in explorer.content
assert admin.get(reverse("wagtailadmin_explore", args=[folder.pk])).status_code == 200
assert admin.get(reverse("wagtailadmin_home")).status_code == 200
"""
GO_ON = """
from django.test import Client
from django.urls import reverse
from home.models import HomePage
from wagtail.models import Page

assert not any(Page.find_problems())
home = HomePage.objects.get()
assert home.get_children().count() == 0
client = Client()
assert client.login(username="admin", password="password")
assert client.get("/").status_code == 200
assert client.get("/project-mail/").status_code == 404
edit = reverse("wagtailadmin_pages:edit", args=[home.pk])
data = {"title": "Renamed", "slug": "home", "action-publish": "1"}
data |= {"comments-TOTAL_FORMS": 0, "comments-INITIAL_FORMS": 0}
assert client.post(edit, data).status_code == 302
assert HomePage.objects.get().title == "Renamed"
assert client.post(reverse("wagtailadmin_pages:delete", args=[home.pk])).status_code == 302
assert not any(Page.find_problems())
"""


@pytest.mark.slow
def test_the_readmes_steps_work_in_a_fresh_site_and_can_be_undone(
    dist: Path, tmp_path: Path
) -> None:
    site = FreshSite(tmp_path, dist)
    for command in _commands("Install in your own site"):
        if command.startswith("pip install"):
            site.sh(command)
    site.sh("wagtail start mysite .")
    for command in _commands("Install in your own site"):
        if "generate_key" in command:
            site.key = site.sh(command).strip()
    before = {}
    for name, block in _pastes("Install in your own site").items():
        before[name] = (tmp_path / name).read_text()
        (tmp_path / name).write_text(f"{before[name]}\n{block}")
    # The site's own settings for tests of it: the client asks for "testserver".
    development = tmp_path / "mysite" / "settings" / "dev.py"
    development.write_text(development.read_text() + '\nALLOWED_HOSTS = ["*"]\n')

    for command in _commands("Install in your own site"):
        if re.match(r"python manage\.py (migrate|check)", command):
            site.sh(f"{command} --fail-level WARNING" if "check" in command else command)
    site.shell(FIRST_FOLDER)

    (command,) = _commands("Uninstall")
    said = site.sh(f"{command} --yes")
    assert '"wagtail_mailarchive" from INSTALLED_APPS' in said
    assert (tmp_path / "mail-export" / "index.jsonl").read_text().count("project-mail") >= 1
    for name, text in before.items():
        (tmp_path / name).write_text(text)
    site.sh("python manage.py check --database default")
    site.shell(GO_ON)
