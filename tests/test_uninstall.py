"""Taking the archive out: what is written, what is deleted, what goes on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ, Schedule
from django_q.tasks import async_task
from wagtail.contrib.redirects.models import Redirect
from wagtail.log_actions import log
from wagtail.models import (
    GroupPagePermission,
    Page,
    PageLogEntry,
    PageViewRestriction,
    ReferenceIndex,
    Site,
)

from tests import factories
from wagtail_mailarchive.archive import removal
from wagtail_mailarchive.fetching.run import LOG_ACTION
from wagtail_mailarchive.fetching.schedule import FETCH, ensure_schedule
from wagtail_mailarchive.models import (
    AccountHealth,
    EmailFolderPage,
    EmailMessagePage,
    Envelope,
    IntegrityProblem,
    Lease,
    LedgerEntry,
    MailAccount,
    Mailbox,
    OAuthGrant,
    Original,
    OriginalChunk,
    Outcome,
    Trial,
    TrialKind,
    UpkeepKind,
    UpkeepRun,
)

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[1]


def uninstall(*arguments: str) -> str:
    out = StringIO()
    call_command("mailarchive_uninstall", "--keep-tables", *arguments, stdout=out)
    return out.getvalue()


def index(target: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (target / "index.jsonl").read_text().splitlines()]


def test_each_original_is_written_byte_for_byte_and_indexed(tmp_path: Path) -> None:
    folder = factories.folder(title="Project list", privacy="login")
    raws = [factories.raw("Grüße", "a\n"), factories.raw("../../etc/passwd", "b\n")]
    first, _ = factories.archive(folder, *raws)

    uninstall("--yes", "--export", str(tmp_path / "mail"))

    records = index(tmp_path / "mail")
    assert records[0]["kind"] == "folder"
    assert records[0]["title"] == "Project list"
    assert records[0]["restrictions"] == [{"type": "login", "groups": []}]
    messages = records[1:]
    assert [(tmp_path / "mail" / each["file"]).read_bytes() for each in messages] == raws
    assert messages[0]["file"] == f"{folder.slug}-{folder.pk}/2026-03-05T133000Z-{first.pk}.eml"
    assert messages[0]["subject"] == "Grüße"
    assert messages[0]["sender"] == ["Ada Lovelace", "ada@example.org"]
    assert messages[0]["sent_at"] == "2026-03-05T14:30:00+01:00"
    assert messages[0]["sha256"] == hashlib.sha256(raws[0]).hexdigest()
    assert messages[0]["seen_in"][0]["outcome"] == "archived"
    chain = (tmp_path / "mail" / records[0]["file"] / "chain.jsonl").read_text().splitlines()
    assert [json.loads(line)["sha256"] for line in chain] == [each["sha256"] for each in messages]


def test_quarantined_mail_is_written_too(tmp_path: Path) -> None:
    folder = factories.folder()
    (page,) = factories.archive(folder, factories.raw())
    mailbox = Mailbox.objects.get(folder=folder)
    LedgerEntry.objects.create(
        mailbox=mailbox,
        uidvalidity=1,
        uid=999_999,
        outcome=Outcome.QUARANTINED,
        original=page.original,
        reason_code="ParserTimedOut",
    )

    uninstall("--yes", "--export", str(tmp_path / "mail"))

    record = index(tmp_path / "mail")[-1]
    assert (record["kind"], record["reason"]) == ("quarantined", "ParserTimedOut")
    assert (tmp_path / "mail" / record["file"]).is_file()


def test_an_account_is_listed_without_its_secret(tmp_path: Path) -> None:
    account = factories.account(factories.folder())

    uninstall("--yes", "--export", str(tmp_path / "mail"))

    text = (tmp_path / "mail" / "index.jsonl").read_text()
    assert account.username in text
    assert account.sealed_secret not in text
    assert '"secret"' not in text


def test_a_damaged_original_stops_the_deletion(tmp_path: Path) -> None:
    folder = factories.folder()
    (page,) = factories.archive(folder, factories.raw())
    OriginalChunk.objects.filter(original=page.original).update(data=b"other", deflated=False)

    with pytest.raises(CommandError, match="Nothing was deleted"):
        uninstall("--yes", "--export", str(tmp_path / "mail"))

    assert EmailMessagePage.objects.filter(pk=page.pk).exists()
    assert "error" in index(tmp_path / "mail")[-1]


def test_a_folder_with_files_is_not_exported_into(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    factories.folder()

    with pytest.raises(CommandError, match="not an empty folder"):
        uninstall("--yes", "--export", str(tmp_path))

    assert EmailFolderPage.objects.exists()


def test_no_row_of_the_app_is_left_and_the_tree_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "_TOGETHER", 3)
    group = Group.objects.create(name="Archivists")
    permission = Permission.objects.get(codename="lock_page")
    workspace = factories.workspace()
    for _ in range(2):
        folder = factories.folder(workspace, privacy="login")
        account = factories.account(folder)
        # What a table of its own keeps of accounts, folders and entries of the ledger.
        AccountHealth.objects.create(account=account)
        OAuthGrant.objects.create(account=account, provider="example")
        Trial.objects.create(kind=TrialKind.DRY_RUN, account=account)
        UpkeepRun.objects.create(kind=UpkeepKind.VERIFY, folder=folder)
        IntegrityProblem.objects.create(folder=folder, subject=f"message {folder.pk}")
        factories.archive(folder, *(factories.raw() for _ in range(7)))
        Envelope.objects.create(entry=LedgerEntry.objects.latest("pk"))
        folder.save_revision()
        GroupPagePermission.objects.create(page=folder, group=group, permission=permission)
    sibling = factories.workspace(parent=workspace)

    out = uninstall("--yes", "--no-export")

    assert "14 messages deleted." in out
    for model in apps.get_app_config("wagtail_mailarchive").get_models(include_auto_created=True):
        assert not model._base_manager.exists(), model
    workspace.refresh_from_db()
    assert workspace.numchild == 1
    assert list(workspace.get_children()) == [sibling.page_ptr]
    assert not any(Page.find_problems())
    assert not GroupPagePermission.objects.filter(group=group).exists()


def test_what_hangs_on_messages_goes_with_them() -> None:
    folder = factories.folder()
    (page,) = factories.archive(folder, factories.raw())
    PageViewRestriction.objects.create(page=page.page_ptr, restriction_type="login")
    Redirect.objects.create(old_path="/old", redirect_page=page.page_ptr)
    other = factories.workspace()
    kind = ContentType.objects.get_for_model(Page)
    ReferenceIndex.objects.create(
        base_content_type=kind,
        content_type=kind,
        object_id=str(other.pk),
        to_content_type=kind,
        to_object_id=str(page.pk),
        model_path="title",
        content_path="title",
        content_path_hash="f" * 32,
    )

    uninstall("--yes", "--no-export")

    assert not PageViewRestriction.objects.filter(page_id=page.pk).exists()
    assert not Redirect.objects.exists()
    assert not ReferenceIndex.objects.filter(to_object_id=str(page.pk)).exists()


@pytest.mark.parametrize("on_delete", [models.PROTECT, models.RESTRICT])
def test_mail_that_the_site_protects_is_left_alone(
    on_delete: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = factories.folder()
    (page,) = factories.archive(folder, factories.raw())
    relation = Redirect._meta.get_field("redirect_page").remote_field
    monkeypatch.setattr(relation, "on_delete", on_delete)
    Redirect.objects.create(old_path="/old", redirect_page=page.page_ptr)

    with pytest.raises(CommandError, match=r"1 objects refer to mail in it \(.*Redirect\)"):
        uninstall("--yes", "--no-export")

    assert EmailMessagePage.objects.filter(pk=page.pk).exists()


def test_a_wrong_count_of_children_does_not_stop_it() -> None:
    folder = factories.folder()
    factories.archive(folder, factories.raw(), factories.raw())
    Page.objects.filter(pk=folder.pk).update(numchild=0)

    uninstall("--yes", "--no-export")

    assert not any(Page.find_problems())


def test_deleting_costs_no_query_a_message() -> None:
    folder = factories.folder()
    factories.archive(folder, *(factories.raw() for _ in range(50)))

    with CaptureQueriesContext(connection) as queries:
        assert removal._remove_messages(folder) == 50

    few = len(queries)
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    with CaptureQueriesContext(connection) as queries:
        assert removal._remove_messages(folder) == 5

    # The same for 5 as for 50.
    assert few == len(queries) <= 70


def test_schedule_and_queued_tasks_go_and_others_stay() -> None:
    ensure_schedule()
    other = Schedule.objects.create(name="ours not", func="site.tasks.clean")
    async_task(FETCH, 1)
    async_task("site.tasks.clean")

    uninstall("--yes", "--no-export")

    assert list(Schedule.objects.all()) == [other]
    assert [row.func() for row in OrmQ.objects.all()] == ["site.tasks.clean"]


def test_log_entries_that_wagtail_could_not_show_are_deleted() -> None:
    folder = factories.folder()
    log(instance=folder, action=LOG_ACTION, data={"archived": 1, "account": "a"})

    uninstall("--yes", "--no-export")

    assert not PageLogEntry.objects.filter(action=LOG_ACTION).exists()
    assert PageLogEntry.objects.filter(page_id=folder.pk).exists()


def test_nothing_happens_while_a_fetch_holds_its_lease() -> None:
    account = factories.account(factories.folder())
    Lease.objects.create(account=account, token=1, expires_at=timezone.now() + timedelta(minutes=1))

    with pytest.raises(CommandError, match="is being fetched now"):
        uninstall("--yes", "--no-export")

    account.refresh_from_db()
    assert account.enabled


def test_an_expired_lease_is_fenced_and_does_not_hinder() -> None:
    account = factories.account(factories.folder())
    Lease.objects.create(account=account, token=1, expires_at=timezone.now() - timedelta(seconds=1))

    uninstall("--yes", "--no-export")

    assert not MailAccount.objects.exists()


def test_a_folder_that_is_a_sites_root_is_refused() -> None:
    folder = factories.folder()
    Site.objects.create(hostname="mail.example.org", root_page=folder)

    with pytest.raises(CommandError, match="root page of"):
        uninstall("--yes", "--no-export")

    assert EmailFolderPage.objects.filter(pk=folder.pk).exists()


def test_a_folder_that_holds_other_pages_is_refused() -> None:
    folder = factories.folder()
    folder.add_child(instance=Page(title="Minutes"))

    with pytest.raises(CommandError, match="below it is the page Minutes"):
        uninstall("--yes", "--no-export")


@pytest.mark.parametrize("answer", ["", "yes", EOFError()])
def test_nothing_is_deleted_unless_the_word_is_typed(
    answer: str | EOFError, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = factories.folder()

    def answers(prompt: str) -> str:
        if isinstance(answer, EOFError):
            raise answer
        return answer

    monkeypatch.setattr("builtins.input", answers)
    with pytest.raises(CommandError, match="Nothing was changed"):
        uninstall("--no-export")

    assert EmailFolderPage.objects.filter(pk=folder.pk).exists()


def test_it_must_be_said_whether_mail_is_exported() -> None:
    with pytest.raises(CommandError, match="--export"):
        uninstall("--yes")


def test_originals_in_a_storage_are_deleted_there(settings: Any, tmp_path: Path) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "mail": {
            "BACKEND": "wagtail_mailarchive.archive.file_storage.DurableFileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        },
    }
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "ORIGINALS_STORAGE": "mail"}
    factories.archive(factories.folder(), factories.raw())
    assert list(tmp_path.rglob("*.eml"))

    uninstall("--yes", "--no-export")

    assert not list(tmp_path.rglob("*.eml"))
    assert not Original.objects.exists()


# -- the whole way, in a site of its own -----------------------------------------------------

SETTINGS = """
from tests.settings import *
DATABASES = {"default": {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": %r,
    "OPTIONS": {"transaction_mode": "IMMEDIATE"},
}}
"""
# Errors of our own checks must not stand in the way.
BROKEN = """
Q_CLUSTER = {**Q_CLUSTER, "timeout": 10}
"""
WITHOUT = """
INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "wagtail_mailarchive"]
del WAGTAIL_MAILARCHIVE
ROOT_URLCONF = "urls_without"
"""
URLS_WITHOUT = """
from django.urls import include, path
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls
urlpatterns = [path("admin/", include(wagtailadmin_urls)), path("", include(wagtail_urls))]
"""
FILL = """
from tests import factories
factories.superuser("admin")
workspace = factories.workspace("Former")
folder = factories.folder(workspace, privacy="login")
factories.account(folder)
factories.archive(folder, *(factories.raw() for _ in range(5)))
from wagtail.log_actions import log
log(instance=folder, action="wagtail_mailarchive.fetch", data={"archived": 5, "account": "a"})
folder.refresh_from_db()
folder.save_revision().publish()
"""
GO_ON = """
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.urls import reverse
from wagtail.models import Page, ReferenceIndex
from tests.site.models import WorkspacePage

assert not ContentType.objects.filter(app_label="wagtail_mailarchive").exists()
names = connection.introspection.table_names()
assert not [name for name in names if name.startswith("wagtail_mailarchive")], names
assert not any(Page.find_problems())

client = Client(raise_request_exception=True)
assert client.login(username="admin", password="password")
workspace = WorkspacePage.objects.get()
assert workspace.numchild == 0
assert client.get(reverse("wagtailadmin_home")).status_code == 200
assert client.get(reverse("wagtailadmin_explore", args=[workspace.pk])).status_code == 200
history = reverse("wagtailadmin_reports:site_history")
assert client.get(history).status_code == 200
assert b"".join(client.get(history + "?export=csv").streaming_content)
edit = reverse("wagtailadmin_pages:edit", args=[workspace.pk])
assert client.get(edit).status_code == 200
data = {"title": "Renamed", "slug": "renamed", "action-publish": "1"}
data |= {"comments-TOTAL_FORMS": 0, "comments-INITIAL_FORMS": 0}
assert client.post(edit, data).status_code == 302
workspace.refresh_from_db()
assert workspace.title == "Renamed"
delete = reverse("wagtailadmin_pages:delete", args=[workspace.pk])
assert client.post(delete).status_code == 302
assert not WorkspacePage.objects.exists()
assert not any(Page.find_problems())
"""


@pytest.fixture
def own_site(tmp_path: Path, migrated_sqlite: Path) -> Callable[..., str]:
    """A function that runs `manage.py`-like commands of a site with its own migrated database."""
    shutil.copyfile(migrated_sqlite, tmp_path / "site.sqlite3")
    database = SETTINGS % str(tmp_path / "site.sqlite3")
    (tmp_path / "settings_with.py").write_text(database)
    (tmp_path / "settings_broken.py").write_text(database + BROKEN)
    (tmp_path / "settings_without.py").write_text(database + WITHOUT)
    (tmp_path / "urls_without.py").write_text(URLS_WITHOUT)

    def run(settings: str, *arguments: str, stdin: str = "") -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            env={
                **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
                "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
                "DJANGO_SETTINGS_MODULE": settings,
            },
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    return run


@pytest.mark.slow
def test_a_site_goes_on_without_the_app(own_site: Callable[..., str], tmp_path: Path) -> None:
    own_site("settings_with", "shell", "--no-imports", f"--command={FILL}")

    out = own_site(
        "settings_broken", "mailarchive_uninstall", "--export", str(tmp_path / "mail"), "--yes"
    )

    assert "INSTALLED_APPS" in out
    assert len(list((tmp_path / "mail").rglob("*.eml"))) == 5
    own_site("settings_without", "migrate", "--verbosity=0")
    own_site("settings_without", "check", "--database=default", "--fail-level=ERROR")
    own_site("settings_without", "shell", "--no-imports", f"--command={GO_ON}")
