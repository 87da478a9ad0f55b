"""Who gets to which address of mail accounts: every address, every kind of user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests import factories
from tests.admin.conftest import browser_of, user_with
from wagtail_mailarchive.models import (
    ArchiveSiteSettings,
    EmailFolderPage,
    EmailMessagePage,
    FetchRun,
    LedgerEntry,
    MailAccount,
    Mailbox,
    Original,
    Outcome,
    Relation,
    RunStatus,
    Trial,
    TrialKind,
    UpkeepKind,
    UpkeepRun,
)
from wagtail_mailarchive.models.permissions import manage_permission

pytestmark = pytest.mark.django_db


class Who(Enum):
    ANONYMOUS = "somebody who is not signed in"
    READER = "somebody who may not enter the admin"
    STRANGER = "a manager of another section"
    EDITOR = "an editor with the permission, who may not publish"
    PUBLISHER = "a publisher without the permission"
    MANAGER = "a publisher with the permission"
    SUPERUSER = "a superuser"


MANAGERS = {Who.MANAGER, Who.SUPERUSER}
ANY_MANAGERS = MANAGERS | {Who.STRANGER}
PUBLISHERS = MANAGERS | {Who.PUBLISHER}
EDITORS = PUBLISHERS | {Who.EDITOR}


@dataclass(frozen=True)
class Rule:
    """Who gets in, and by which method."""

    allowed: set[Who]
    method: str = "get"
    given: Mapping[str, str] = field(default_factory=dict)


SETTINGS = "wagtailsettings:edit"
TABLE = {
    "mailarchive_accounts:index": Rule(ANY_MANAGERS),
    "mailarchive_accounts:index_results": Rule(ANY_MANAGERS),
    "mailarchive_accounts:add": Rule(ANY_MANAGERS),
    "mailarchive_accounts:edit": Rule(MANAGERS),
    "mailarchive_accounts:delete": Rule(MANAGERS),
    "mailarchive_accounts:history": Rule(MANAGERS),
    "mailarchive_accounts:history_results": Rule(MANAGERS),
    "mailarchive_accounts:usage": Rule(MANAGERS),
    "mailarchive_account_trial": Rule(MANAGERS),
    "mailarchive_clone_account": Rule(ANY_MANAGERS),
    "mailarchive_dry_run": Rule(MANAGERS),
    "mailarchive_enable_account": Rule(MANAGERS),
    "mailarchive_disable_account": Rule(MANAGERS),
    "mailarchive_fetch_folder": Rule(PUBLISHERS, "post"),
    "mailarchive_fetch_account": Rule(PUBLISHERS, "post"),
    "mailarchive_fetch_progress": Rule(PUBLISHERS),
    "mailarchive_fetch_run": Rule(PUBLISHERS),
    "mailarchive_fetch_stop": Rule(PUBLISHERS, "post"),
    "mailarchive_fetch_report": Rule(ANY_MANAGERS),
    "mailarchive_fetch_report_results": Rule(ANY_MANAGERS),
    "mailarchive_integrity": Rule(ANY_MANAGERS),
    "mailarchive_integrity_folder": Rule(MANAGERS),
    "mailarchive_upkeep_start": Rule({Who.SUPERUSER}, "post", {"kind": "verify"}),
    "mailarchive_upkeep_start_folder": Rule(MANAGERS, "post", {"kind": "verify"}),
    "mailarchive_upkeep_stop": Rule(MANAGERS, "post"),
    "mailarchive_upkeep_progress": Rule(ANY_MANAGERS),
    "mailarchive_upkeep_progress_folder": Rule(MANAGERS),
    "mailarchive_chain_heads": Rule(ANY_MANAGERS),
    "mailarchive_chain_heads_folder": Rule(MANAGERS),
    "mailarchive_ledger": Rule(ANY_MANAGERS),
    "mailarchive_archive_anyway": Rule(ANY_MANAGERS, "post"),
    "mailarchive_quarantine": Rule(ANY_MANAGERS),
    "mailarchive_quarantined_original": Rule(MANAGERS),
    "mailarchive_retry_entry": Rule(MANAGERS, "post"),
    "mailarchive_retry_folder": Rule(MANAGERS, "post"),
    "mailarchive_whereabouts": Rule(set(Who) - {Who.ANONYMOUS, Who.READER}),
    "mailarchive_reconcile_account": Rule(MANAGERS, "post"),
    "mailarchive_reconciliation": Rule(MANAGERS),
    "mailarchive_oauth_sign_in": Rule(MANAGERS, "post"),
    "mailarchive_oauth_callback": Rule(ANY_MANAGERS),
    # Only a superuser has the permission to move mail to the trash here.
    "mailarchive_trash": Rule(MANAGERS),
    "mailarchive_trash_restore": Rule(MANAGERS, "post", {"all": "1"}),
    "mailarchive_trash_erase": Rule(MANAGERS, "post", {"all": "1", "reason": "R", "sure": "1"}),
    "mailarchive_trash_progress": Rule(MANAGERS),
    "mailarchive_trash_all": Rule({Who.SUPERUSER}),
    "mailarchive_trash_folder": Rule({Who.SUPERUSER}),
    "mailarchive_restore_folder": Rule(MANAGERS, "post"),
    "mailarchive_erased": Rule(MANAGERS),
    "mailarchive_erased_report": Rule(MANAGERS),
    "mailarchive_trash_message": Rule({Who.SUPERUSER}),
    "mailarchive_move": Rule(EDITORS),
    # Without a run it tells of none; see test_moving_much_mail for others.
    "mailarchive_move_progress": Rule(set(Who) - {Who.ANONYMOUS, Who.READER}),
    "mailarchive_relations": Rule(EDITORS),
    "mailarchive_delete_relation": Rule(EDITORS, "post"),
    "mailarchive_comments:index": Rule(PUBLISHERS | {Who.STRANGER}),
    **{
        f"mailarchive_message_chooser:{name}": Rule(set(Who) - {Who.ANONYMOUS, Who.READER})
        for name in ("choose", "choose_results", "chosen", "chosen_multiple", "create")
    },
    SETTINGS: Rule({Who.SUPERUSER}),
}


@dataclass(frozen=True)
class Scene:
    """One folder with all that an address can name."""

    folder: EmailFolderPage
    account: MailAccount
    run: FetchRun
    trial: Trial

    def address(self, name: str, takes: Sequence[str]) -> str:
        """Return the address of that name; everything it takes must be known here."""
        known = {
            "pk": self._pk(name),
            "account_id": self.account.pk,
            "folder_id": self.folder.pk,
            "run_id": self._run(name),
            "trial_id": self.trial.pk,
            "entry_id": self.quarantined().pk,
            "message_id": self.message.pk,
            "app_name": "wagtail_mailarchive",
            "model_name": "archivesitesettings",
        }
        return reverse(name, kwargs={each: known[each] for each in takes})

    def _pk(self, name: str) -> int:
        if name == SETTINGS:
            return int(ArchiveSiteSettings.load().pk)
        if name == "mailarchive_message_chooser:chosen":
            return int(self.message.pk)
        if name == "mailarchive_delete_relation":
            related, _ = Relation.objects.get_or_create(
                message=self.message, kind="about", target="web:", address="https://example.org/"
            )
            return int(related.pk)
        return int(self.account.pk)

    @property
    def message(self) -> EmailMessagePage:
        found = self.folder.messages.first()
        return found or factories.archive(self.folder, factories.raw())[0]

    def _run(self, name: str) -> int:
        values: dict[str, Any]
        if name == "mailarchive_upkeep_stop":
            kind, values = UpkeepKind.VERIFY, {"folder": self.folder}
        elif name == "mailarchive_move":
            kind, values = UpkeepKind.MOVE, {"plan": self._plan()}
        else:
            return int(self.run.pk)
        run, _ = UpkeepRun.objects.get_or_create(kind=kind, defaults=values)
        return int(run.pk)

    def _plan(self) -> dict[str, Any]:
        folder = self.folder
        moved = [folder.pk, folder.title, folder.path, 1]
        return {"pages": [moved], "destination": factories.home().pk, "into": "Home"}

    def quarantined(self) -> LedgerEntry:
        """A message so large that a web process leaves it to the worker."""
        original, _ = Original.objects.get_or_create(sha256="0" * 64, size=10**9)
        mailbox, _ = Mailbox.objects.get_or_create(
            account=self.account, name="INBOX", defaults={"folder": self.folder}
        )
        entry, _ = LedgerEntry.objects.get_or_create(
            mailbox=mailbox,
            uidvalidity=1,
            uid=2**32,
            outcome=Outcome.QUARANTINED,
            original=original,
        )
        return entry


@pytest.fixture
def scene(db: None) -> Scene:
    folder = factories.folder(factories.workspace("Here"), title="Offers")
    creator = factories.user("zoe", first_name="Zoe", last_name="Connector")
    account = factories.account(folder, name="Secret plans", created_by=creator)
    run = factories.fetch_run(account, RunStatus.SUCCEEDED)
    factories.folder(factories.workspace("Elsewhere"))
    trial = Trial.objects.create(kind=TrialKind.CONNECTION, account=account)
    return Scene(folder, account, run, trial)


def browser(who: Who, scene: Scene) -> Client:
    """The browser of a user of that kind."""
    if who is Who.ANONYMOUS:
        return Client()
    return browser_of(_user(who, scene))


def _user(who: Who, scene: Scene) -> User:
    here = scene.folder.get_parent()
    elsewhere = EmailFolderPage.objects.exclude(pk=scene.folder.pk).get().get_parent()
    if who is Who.READER:
        return factories.user()
    if who is Who.SUPERUSER:
        return factories.superuser()
    page, permissions = {
        Who.STRANGER: (elsewhere, ("add", "change", "publish")),
        Who.EDITOR: (here, ("add", "change")),
        Who.PUBLISHER: (here, ("add", "change", "publish")),
        Who.MANAGER: (here, ("add", "change", "publish")),
    }[who]
    user = user_with(page, *permissions)
    if who is not Who.PUBLISHER:
        user.groups.get().permissions.add(manage_permission().get())
    return user


def addresses() -> Mapping[str, list[str]]:
    """Every named address of ours in the admin, with the names of what it takes."""
    found = dict(_walk(get_resolver().url_patterns))
    ours = {name: takes for name, takes in found.items() if name.startswith("mailarchive_")}
    return ours | {SETTINGS: ["app_name", "model_name", "pk"]}


def _walk(
    patterns: Sequence[URLPattern | URLResolver],
    namespaces: tuple[str, ...] = (),
    names: tuple[str, ...] = (),
) -> Iterator[tuple[str, list[str]]]:
    for each in patterns:
        taken = (*names, *each.pattern.converters)
        if isinstance(each, URLResolver):
            space = (each.namespace,) if each.namespace else ()
            yield from _walk(each.url_patterns, namespaces + space, taken)
        elif each.name:
            yield ":".join((*namespaces, each.name)), list(taken)


def test_every_address_is_in_the_table() -> None:
    assert set(addresses()) == set(TABLE)


@pytest.mark.parametrize("who", Who, ids=lambda who: who.value)
def test_who_gets_in(who: Who, scene: Scene) -> None:
    client = browser(who, scene)
    wrong = []
    for name, names in addresses().items():
        rule = TABLE[name]
        address = scene.address(name, names)
        if who in rule.allowed:
            answer = call(client, rule.method, address, rule.given)
            if is_refusal(answer) or answer.status_code not in (200, 302):
                wrong.append(f"{name}: kept out ({answer.status_code})")
            continue
        for method in ("get", "post"):
            answer = call(client, method, address)
            if not is_right_refusal(answer, who, name):
                wrong.append(f"{method} {name}: {answer.status_code}")
            if b"imap.example.org" in answer.content:
                wrong.append(f"{method} {name}: shows the account")
    assert not wrong


def call(
    client: Client, method: str, address: str, given: Mapping[str, str] | None = None
) -> HttpResponse:
    """Call, and undo what it did."""
    with transaction.atomic():
        answer: HttpResponse = getattr(client, method)(address, given or {})
        transaction.set_rollback(True)
    return answer


def is_refusal(answer: HttpResponse) -> bool:
    home = reverse("wagtailadmin_home")
    leads = answer.headers.get("Location", "")
    return answer.status_code == 403 or "login" in leads or leads == home


def is_right_refusal(answer: HttpResponse, who: Who, name: str) -> bool:
    """Whether a refusal is of the kind that this user should meet there."""
    if answer.status_code == 405:
        return True
    if who in (Who.ANONYMOUS, Who.READER):
        return answer.status_code == 302 and "login" in answer.headers["Location"]
    if name == SETTINGS:
        # A view of Wagtail's, and its way: back to the dashboard, with a sentence.
        return is_refusal(answer)
    return answer.status_code == 403


@pytest.mark.parametrize("who", [Who.EDITOR, Who.PUBLISHER])
def test_who_knows_the_folder_is_told_whom_to_ask(who: Who, scene: Scene) -> None:
    address = reverse("mailarchive_accounts:edit", args=[scene.account.pk])
    answer = browser(who, scene).get(address)
    html = answer.content.decode()
    assert answer.status_code == 403
    assert "You may not manage mail accounts here." in html
    assert "This account was connected by zoe; ask them." in html
    User.objects.filter(username="zoe").update(is_active=False)
    html = browser(who, scene).get(address).content.decode()
    assert "zoe" not in html
    assert "Ask an administrator of this site." in html


@pytest.mark.parametrize(
    ("who", "name", "takes"),
    [
        (Who.EDITOR, "mailarchive_trash", "Can move mail to the trash"),
        (Who.MANAGER, "mailarchive_trash_folder", "Can move mail to the trash"),
        (Who.PUBLISHER, "mailarchive_erased", "Can manage mail accounts"),
        (Who.EDITOR, "mailarchive_comments:index", "the right to publish an email folder"),
        (Who.STRANGER, "mailarchive_relations", "the right to change or publish pages"),
    ],
)
def test_who_is_kept_out_is_told_what_it_takes(
    who: Who, name: str, takes: str, scene: Scene
) -> None:
    answer = browser(who, scene).get(scene.address(name, addresses()[name]))
    html = answer.content.decode()
    assert answer.status_code == 403
    assert takes in html
    assert "Ask an administrator of this site." in html
    assert "Offers" not in html


@pytest.mark.parametrize("who", [Who.EDITOR, Who.PUBLISHER, Who.MANAGER, Who.SUPERUSER])
def test_a_folders_form_has_buttons_for_managers_and_a_name_for_others(
    who: Who, scene: Scene
) -> None:
    address = reverse("wagtailadmin_pages:edit", args=[scene.folder.pk])
    html = browser(who, scene).get(address).content.decode()
    leads = f"/admin/mailarchive/accounts/edit/{scene.account.pk}/"
    assert (leads in html) is (who in MANAGERS)
    assert ("Connect a mail account" in html) is (who in MANAGERS)
    assert ("“Secret plans” was connected by zoe; ask them" in html) is (who not in MANAGERS)
    if who not in MANAGERS:
        assert not [told for told in (scene.account.host, scene.account.username) if told in html]


def test_who_does_not_know_the_folder_learns_nothing_of_it(scene: Scene) -> None:
    address = reverse("mailarchive_accounts:edit", args=[scene.account.pk])
    html = browser(Who.STRANGER, scene).get(address).content.decode()
    assert "Ask an administrator of this site." in html
    for told in ("zoe", "Zoe", "Secret plans", "Offers"):
        assert told not in html


def test_managers_see_the_accounts_of_their_own_folders_only(scene: Scene) -> None:
    mine = factories.account(
        EmailFolderPage.objects.exclude(pk=scene.folder.pk).get(), name="Of the others"
    )
    for name in ("index", "index_results"):
        address = reverse(f"mailarchive_accounts:{name}")
        for who, seen in (
            (Who.STRANGER, {mine}),
            (Who.MANAGER, {scene.account}),
            (Who.SUPERUSER, {mine, scene.account}),
        ):
            html = browser(who, scene).get(address).content.decode()
            assert {each for each in (mine, scene.account) if each.name in html} == seen


def test_managers_see_the_fetches_of_their_own_folders_only(scene: Scene) -> None:
    address = reverse("mailarchive_fetch_report")
    for query in ("", "?export=csv"):
        for who, seen in ((Who.STRANGER, False), (Who.MANAGER, True), (Who.SUPERUSER, True)):
            answer = browser(who, scene).get(address + query)
            body = b"".join(answer) if answer.streaming else answer.content
            assert (b"Secret plans" in body) is seen, (who, query)


@pytest.mark.parametrize("who", Who, ids=lambda who: who.value)
def test_the_menu_offers_what_opens(who: Who, scene: Scene) -> None:
    if who in (Who.ANONYMOUS, Who.READER):
        return
    html = browser(who, scene).get(reverse("wagtailadmin_home")).content.decode()
    for name in ("mailarchive_accounts:index", "mailarchive_fetch_report"):
        assert (f'"{reverse(name)}"' in html) is (who in TABLE[name].allowed), name


def test_an_account_cannot_be_connected_to_a_folder_of_others(scene: Scene) -> None:
    client = browser(Who.STRANGER, scene)
    before = MailAccount.objects.count()
    answer = client.post(reverse("mailarchive_accounts:add"), typed(scene.folder))
    assert "You may not manage the mail accounts of this folder." in answer.content.decode()
    assert MailAccount.objects.count() == before


def test_an_account_cannot_be_moved_to_a_folder_of_others(scene: Scene) -> None:
    other = EmailFolderPage.objects.exclude(pk=scene.folder.pk).get()
    address = reverse("mailarchive_accounts:edit", args=[scene.account.pk])
    answer = browser(Who.MANAGER, scene).post(address, typed(other))
    assert "You may not manage the mail accounts of this folder." in answer.content.decode()
    scene.account.refresh_from_db()
    assert scene.account.folder_id == scene.folder.pk


def typed(folder: EmailFolderPage) -> dict[str, Any]:
    return {"folder": folder.pk, "name": "Mine", "email": "me@example.org", "secret": "x"}


def test_the_permission_is_offered_to_groups_and_no_other_of_accounts_is(scene: Scene) -> None:
    html = browser(Who.SUPERUSER, scene).get(reverse("wagtailusers_groups:add")).content.decode()
    assert f'value="{manage_permission().get().pk}"' in html
    assert "Can manage mail accounts" in html
    assert "Can add mail account" not in html
