"""What is told of a folder's fetching: every state once, and to each what they may know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests import factories
from tests.admin.conftest import user_with
from wagtail_mailarchive.exceptions import NoUidPlus
from wagtail_mailarchive.fetching.condition import (
    Condition,
    condition_of_folder,
    conditions_of_accounts,
)
from wagtail_mailarchive.fetching.health import note_treatment
from wagtail_mailarchive.fetching.states import Goal, State, Tone, clock
from wagtail_mailarchive.models import (
    AccountHealth,
    ArchiveSiteSettings,
    EmailFolderPage,
    FetchRun,
    MailAccount,
    RunStatus,
    WorkerHeartbeat,
)
from wagtail_mailarchive.models.account import AfterFetch

pytestmark = pytest.mark.django_db

REJECTED: dict[str, Any] = {
    "error_code": "LoginRejected",
    "error_params": {"host": "imap.example.org", "username": "ada"},
}


@pytest.fixture
def boss(db: None) -> User:
    return factories.superuser()


@pytest.fixture
def publisher(folder: EmailFolderPage) -> User:
    """Someone who may fetch and is no administrator."""
    return user_with(folder, "change", "publish")


def condition(folder: EmailFolderPage, user: Any, *, is_empty: bool = False) -> Condition:
    return condition_of_folder(EmailFolderPage.objects.get(pk=folder.pk), user, is_empty=is_empty)


def only_state(folder: EmailFolderPage, user: Any) -> State:
    [state] = condition(folder, user).states
    return state


def told(folder: EmailFolderPage, user: Any) -> str:
    """All that the condition says, in words."""
    found = condition(folder, user)
    return " ".join([*(f"{state} {state.step}" for state in found.states), found.news])


def test_without_an_account_the_next_step_is_to_connect_one(
    folder: EmailFolderPage, boss: User, publisher: User
) -> None:
    state = only_state(folder, boss)
    assert (state.goal, state.target) == (Goal.CONNECT, folder.pk)
    assert (only_state(folder, publisher).goal, only_state(folder, AnonymousUser()).step) == (
        None,
        "",
    )
    assert only_state(folder, publisher).step == "Ask an administrator to connect one."


def test_switched_off_leads_to_the_account(
    folder: EmailFolderPage, boss: User, publisher: User
) -> None:
    account = factories.account(folder, enabled=False, verified_at=timezone.now())
    state = only_state(folder, boss)
    assert (state.goal, state.target, state.step) == (Goal.ACCOUNT, account.pk, "Switch it on")
    assert only_state(folder, publisher).step == "Ask an administrator."
    assert not condition(folder, boss).can_fetch
    MailAccount.objects.update(enabled=True)
    assert condition(folder, boss).can_fetch
    assert not condition(folder, AnonymousUser()).can_fetch


@pytest.mark.parametrize(
    ("status", "values", "sentence"),
    [
        (RunStatus.QUEUED, {}, "A fetch is queued"),
        (RunStatus.RUNNING, {"archived": 7}, "7 new messages so far"),
        (RunStatus.SUCCEEDED, {"archived": 0}, "nothing new"),
        (RunStatus.SUCCEEDED, {"archived": 1}, "1 new message"),
        (RunStatus.SUCCEEDED, {"adds_up": False}, "does not add up"),
        (RunStatus.STOPPED, {}, "has not been fetched yet"),
        (RunStatus.FAILED, REJECTED, "imap.example.org rejected the user name or password of ada."),
    ],
)
def test_the_latest_run_speaks(
    status: RunStatus,
    values: dict[str, Any],
    sentence: str,
    boss: User,
    folder: EmailFolderPage,
) -> None:
    WorkerHeartbeat.beat()
    account = factories.account(folder)
    old = timezone.now() - timedelta(days=1)
    factories.fetch_run(account, RunStatus.FAILED, error_code="FolderMissing", finished_at=old)
    ended = None if status in (RunStatus.QUEUED, RunStatus.RUNNING) else timezone.now()
    factories.fetch_run(account, status, finished_at=ended, **values)
    assert sentence in told(folder, boss)
    assert "could not be fetched" not in told(folder, boss) or status == RunStatus.FAILED


def test_only_a_mailbox_that_held_nothing_is_said_to_have_held_nothing(
    folder: EmailFolderPage,
) -> None:
    def says_so() -> bool:
        states = condition_of_folder(folder, AnonymousUser(), is_empty=True).states
        return any("held no mail" in state.sentence for state in states)

    now = timezone.now()
    account = factories.account(folder)
    factories.fetch_run(account, RunStatus.SUCCEEDED, finished_at=now, on_server=0)
    assert says_so()
    # There is mail, but quarantined, too large, or hidden from this reader.
    factories.fetch_run(account, RunStatus.SUCCEEDED, finished_at=now, on_server=3)
    assert not says_so()
    factories.fetch_run(account, RunStatus.SUCCEEDED, finished_at=now, on_server=0)
    other = factories.account(folder)
    assert not says_so()
    factories.fetch_run(other, RunStatus.SUCCEEDED, finished_at=now, on_server=1)
    assert not says_so()
    FetchRun.objects.filter(account=other).update(on_server=0)
    assert says_so()


def test_one_failed_account_is_not_hidden_by_another(
    boss: User, publisher: User, folder: EmailFolderPage
) -> None:
    WorkerHeartbeat.beat()
    failing = factories.account(folder, name="Failing")
    factories.fetch_run(failing, RunStatus.FAILED, **REJECTED)
    now = timezone.now()
    factories.fetch_run(factories.account(folder), RunStatus.SUCCEEDED, finished_at=now)
    state = only_state(folder, boss)
    assert (state.tone, state.goal, state.target) == (Tone.FAILURE, Goal.ACCOUNT, failing.pk)
    assert "Failing" in state.sentence
    # Only its managers may open it.
    state = only_state(folder, publisher)
    assert (state.goal, state.step) == (None, "Ask an administrator.")


def test_reasons_counts_and_times_to_come_are_for_those_who_may_fetch(
    folder: EmailFolderPage,
) -> None:
    now = timezone.now()
    failing, fine = factories.account(folder), factories.account(folder)
    factories.fetch_run(failing, RunStatus.FAILED, finished_at=now, **REJECTED)
    factories.fetch_run(fine, RunStatus.SUCCEEDED, finished_at=now, archived=3, adds_up=False)
    factories.account(folder, enabled=False)
    for user in (AnonymousUser(), factories.user(), user_with(folder, "add", "change")):
        assert condition(folder, user) == Condition(
            [State(Tone.FAILURE, "New mail could not be fetched at the last try.")],
            checked_at=now,
        )


def test_a_queued_fetch_waits_for_a_worker(boss: User, folder: EmailFolderPage) -> None:
    run = factories.fetch_run(factories.account(folder), RunStatus.QUEUED)
    state = only_state(folder, boss)
    assert state.sentence.startswith("The fetch waits, because no worker is running.")
    assert state.command == "python manage.py qcluster"
    # The command line fetches without a worker.
    FetchRun.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING)
    assert "on schedule, because no worker is running" in told(folder, boss)
    assert "Fetching mail now" in told(folder, boss)


def test_the_next_fetch_is_the_first_accounts(boss: User, folder: EmailFolderPage) -> None:
    now = timezone.now()
    for interval in (90, 20, 45):
        account = factories.account(folder, interval=interval)
        factories.fetch_run(account, RunStatus.SUCCEEDED, finished_at=now)
    # Without a worker there is none.
    assert condition(folder, boss).next_fetch_at is None
    WorkerHeartbeat.beat()
    assert condition(folder, boss).next_fetch_at == now + timedelta(minutes=20)
    MailAccount.objects.filter(interval=20).update(enabled=False)
    assert condition(folder, boss).next_fetch_at == now + timedelta(minutes=45)


def test_there_is_no_next_fetch_while_the_only_account_is_fetched(
    boss: User, folder: EmailFolderPage
) -> None:
    WorkerHeartbeat.beat()
    factories.fetch_run(factories.account(folder), RunStatus.RUNNING)
    found = condition(folder, boss)
    assert (found.next_fetch_at, found.can_fetch) == (None, False)


def test_an_account_tells_its_own_states_only(folder: EmailFolderPage) -> None:
    WorkerHeartbeat.beat()
    now = timezone.now()
    off, failing, fine = (
        factories.account(folder, enabled=each, verified_at=now) for each in (False, True, True)
    )
    factories.fetch_run(failing, RunStatus.FAILED, finished_at=now, **REJECTED)
    factories.fetch_run(fine, RunStatus.SUCCEEDED, finished_at=now, archived=2)
    found = conditions_of_accounts([off, failing, fine])
    [[switched_off], [failure]] = found[off.pk].states, found[failing.pk].states
    assert "switched off" in switched_off.sentence
    assert (failure.tone, failure.at) == (Tone.FAILURE, now)
    assert found[fine.pk].states == []
    assert (found[fine.pk].checked_at, found[fine.pk].news) == (now, "2 new messages")


def health(account: MailAccount, **values: Any) -> AccountHealth:
    return AccountHealth.objects.create(account=account, **values)


HELD: dict[str, Any] = {
    "held_code": "LoginRejected",
    "held_params": REJECTED["error_params"],
    "rejections": 3,
    "failures": 3,
}


def test_an_account_that_is_held_says_why_and_who_can_change_that(
    boss: User, publisher: User, folder: EmailFolderPage
) -> None:
    WorkerHeartbeat.beat()
    owner = factories.user("grace", first_name="Grace", last_name="Hopper")
    account = factories.account(folder, name="Support", created_by=owner)
    factories.fetch_run(account, RunStatus.FAILED, finished_at=timezone.now(), **REJECTED)
    health(account, **HELD)
    state = only_state(folder, boss)
    assert "Mail of Support is not fetched any more. imap.example.org rejected" in state.sentence
    assert (state.goal, state.target) == (Goal.ACCOUNT, account.pk)
    assert state.step == "Enter the password again"
    assert not condition(folder, boss).can_fetch
    assert condition(folder, boss).next_fetch_at is None
    state = only_state(folder, publisher)
    assert (state.goal, state.step) == (None, "Connected by Grace Hopper: ask them.")
    assert only_state(folder, AnonymousUser()) == State(
        Tone.FAILURE, "New mail could not be fetched at the last try."
    )


def test_who_signs_in_at_a_provider_is_asked_to_sign_in_again(
    boss: User, folder: EmailFolderPage
) -> None:
    WorkerHeartbeat.beat()
    account = factories.account(folder, login="oauth2")
    health(account, **HELD)
    assert only_state(folder, boss).step == "Sign in again"


def test_a_site_that_is_switched_off_says_nothing_else(boss: User, folder: EmailFolderPage) -> None:
    account = factories.account(folder)
    factories.fetch_run(account, RunStatus.FAILED, finished_at=timezone.now(), **REJECTED)
    ArchiveSiteSettings.objects.create(is_on=False)
    for user in (boss, AnonymousUser()):
        assert "switched off for this site" in only_state(folder, user).sentence
        assert not condition(folder, user).can_fetch
    assert only_state(folder, boss).step
    [state] = conditions_of_accounts([account])[account.pk].states
    assert "switched off for this site" in state.sentence


def test_an_account_that_was_never_tested_says_so(
    boss: User, publisher: User, folder: EmailFolderPage
) -> None:
    account = factories.account(folder, enabled=False, name="Support")
    state = only_state(folder, boss)
    assert "Support is switched off, because its connection has not been tested" in state.sentence
    assert (state.step, state.target) == ("Test the connection", account.pk)
    assert only_state(folder, publisher).step == "Ask an administrator."
    assert "tested" not in only_state(folder, AnonymousUser()).sentence


def test_what_waits_on_the_server_and_when_it_is_fetched_is_told_to_those_who_may_fetch(
    boss: User, folder: EmailFolderPage
) -> None:
    WorkerHeartbeat.beat()
    now = timezone.now()
    account = factories.account(folder, message_limit=10, interval=20)
    factories.fetch_run(account, RunStatus.SUCCEEDED, finished_at=now, waiting=32, on_server=42)
    found = condition(folder, boss)
    [state] = found.states
    assert found.waiting == 32
    assert found.next_fetch_at == now + timedelta(minutes=20)
    at = clock(now + timedelta(minutes=20))
    assert state.sentence == f"32 messages wait on the server; the next fetch is at {at}."
    assert condition(folder, AnonymousUser()).states == []
    FetchRun.objects.update(status=RunStatus.STOPPED, waiting=1)
    assert "1 message waits on the server" in told(folder, boss)


def test_who_failed_again_and_again_is_tried_later(boss: User, folder: EmailFolderPage) -> None:
    WorkerHeartbeat.beat()
    now = timezone.now()
    account = factories.account(folder, interval=20)
    factories.fetch_run(account, RunStatus.FAILED, finished_at=now, **REJECTED)
    until = now + timedelta(minutes=75)
    health(account, failures=3, hold_until=until)
    found = condition(folder, boss)
    assert found.next_fetch_at == until
    expected = f"The last 3 fetches failed. It is tried again at {clock(until)}."
    assert expected in [state.sentence for state in found.states]
    assert found.can_fetch


def test_the_number_of_queries_is_constant(
    boss: User, folder: EmailFolderPage, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    accounts = []
    for _ in range(8):
        accounts.append(factories.account(folder))
        for status in (RunStatus.SUCCEEDED, RunStatus.FAILED):
            factories.fetch_run(accounts[-1], status, finished_at=timezone.now())
    anybody = AnonymousUser()
    with django_assert_num_queries(4):
        condition_of_folder(folder, anybody, is_empty=False)
    with django_assert_num_queries(6):
        condition_of_folder(folder, boss, is_empty=False)
    with django_assert_num_queries(6):
        conditions_of_accounts(accounts)


def test_why_nothing_is_done_on_the_server_is_told_while_the_account_wants_it(
    folder: EmailFolderPage, boss: User, publisher: User
) -> None:
    WorkerHeartbeat.beat()
    account = factories.account(folder, name="Sales", after_fetch=AfterFetch.DELETE)
    factories.fetch_run(account, RunStatus.SUCCEEDED, finished_at=timezone.now(), deleted=2)
    assert condition(folder, boss).states == []
    assert condition(folder, boss).news == "nothing new, 2 deleted on the server"
    note_treatment(account.pk, NoUidPlus(host="imap.example.org"))
    state = only_state(folder, boss)
    assert (state.tone, state.goal, state.target) == (Tone.WARNING, Goal.ACCOUNT, account.pk)
    assert state.sentence.startswith("After the fetch of Sales: imap.example.org cannot delete")
    assert only_state(folder, publisher).step == "Ask an administrator."
    assert condition(folder, AnonymousUser()).states == []
    MailAccount.objects.update(after_fetch=AfterFetch.LEAVE)
    assert condition(folder, boss).states == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"anomaly_code": "ConnectionDropped", "anomaly_params": {"host": "imap.example.org"}},
            "archived mail was left as it is on the server: imap.example.org ended the connection",
        ),
        ({"not_proven": 1}, "1 message of Sales was left on the server"),
    ],
)
def test_what_kept_a_fetch_from_removing_mail_is_told(
    values: dict[str, Any], sentence: str, folder: EmailFolderPage, boss: User
) -> None:
    WorkerHeartbeat.beat()
    account = factories.account(folder, name="Sales", after_fetch=AfterFetch.MOVE, move_to="Done")
    factories.fetch_run(account, RunStatus.SUCCEEDED, finished_at=timezone.now(), **values)
    assert sentence in only_state(folder, boss).sentence
    assert condition(folder, AnonymousUser()).states == []
    # Of an account that leaves mail alone nobody expects anything else.
    MailAccount.objects.update(after_fetch=AfterFetch.LEAVE)
    assert condition(folder, boss).states == []


def test_nobody_is_named_who_cannot_be_asked_any_more(
    folder: EmailFolderPage, publisher: User
) -> None:
    creator = factories.user("zoe", first_name="Zoe")
    factories.account(folder, enabled=False, created_by=creator)
    assert only_state(folder, publisher).step == "Connected by Zoe: ask them."
    User.objects.filter(pk=creator.pk).update(is_active=False)
    assert only_state(folder, publisher).step == "Ask an administrator."
