"""How a fetch goes, on screen: what is shown, to whom, and how it is stopped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests import factories
from tests.admin.conftest import browser_of, user_with
from wagtail_mailarchive.fetching.progress import progress
from wagtail_mailarchive.models import (
    EmailFolderPage,
    FetchRun,
    RunStatus,
    WorkerHeartbeat,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    return factories.folder(factories.workspace("Sales"), title="Offers")


@pytest.fixture
def running(folder: EmailFolderPage) -> FetchRun:
    """A run that has done 400 of 1,000 messages within 20 seconds."""
    return factories.fetch_run(
        factories.account(folder, name="Sales inbox"),
        RunStatus.RUNNING,
        started_at=timezone.now() - timedelta(seconds=20),
        archived=390,
        quarantined=10,
        waiting=600,
        on_server=1000,
        current_mailbox="INBOX/Offers",
    )


def ask(client: Client, *runs: FetchRun) -> Any:
    address = reverse("mailarchive_fetch_progress", args=[runs[0].folder_id])
    return client.get(address, {"run": [run.pk for run in runs]})


def explore(client: Client, folder: EmailFolderPage) -> str:
    response = client.get(reverse("wagtailadmin_explore", args=[folder.pk]))
    assert response.status_code == 200
    return str(response.content.decode())


# -- numbers ---------------------------------------------------------------------------------


def test_tells_done_and_whole_rate_and_time_left(boss: Client, running: FetchRun) -> None:
    WorkerHeartbeat.beat()
    told = ask(boss, running).json()
    [run] = told["runs"]
    assert (run["done"], run["whole"], run["archived"], run["quarantined"]) == (400, 1000, 390, 10)
    assert run["mailbox"] == "INBOX/Offers"
    assert run["sentence"] == "400 of 1,000 messages done."
    assert 10 < run["rate"] <= 20
    assert 30 <= run["seconds_left"] < 60
    assert run["pace"].endswith("less than a minute left")
    assert (told["percent"], told["is_active"], told["lacks_worker"]) == (40, True, False)
    assert told["announcement"] == "Sales inbox: 400 of 1,000 messages done."


def test_is_never_cached(boss: Client, running: FetchRun) -> None:
    assert "no-store" in ask(boss, running).headers["Cache-Control"]


def test_a_queued_run_without_a_worker_says_so(boss: Client, folder: EmailFolderPage) -> None:
    run = factories.fetch_run(factories.account(folder), RunStatus.QUEUED)
    assert ask(boss, run).json()["lacks_worker"]
    assert "python manage.py qcluster" in explore(boss, folder)
    WorkerHeartbeat.beat()
    assert not ask(boss, run).json()["lacks_worker"]


def test_a_limit_is_the_end_of_the_bar(folder: EmailFolderPage) -> None:
    account = factories.account(folder, message_limit=500)
    run = factories.fetch_run(account, RunStatus.RUNNING, archived=400, waiting=9_600)
    [told] = progress([run])
    assert (told["done"], told["whole"]) == (400, 500)


@pytest.mark.parametrize(
    ("status", "values", "sentence"),
    [
        (RunStatus.QUEUED, {}, "Queued; begins in a moment."),
        (RunStatus.RUNNING, {"current_mailbox": "INBOX"}, "Looking for new mail in INBOX."),
        (
            RunStatus.RUNNING,
            {"stop_requested": True, "archived": 3, "waiting": 5},
            "Stops after the messages under way.",
        ),
        (RunStatus.SUCCEEDED, {}, "Done: nothing new."),
        (
            RunStatus.SUCCEEDED,
            {"archived": 1, "waiting": 2_000},
            "Done: 1 new message. 2,000 more wait on the server for the next fetch.",
        ),
        (RunStatus.STOPPED, {"archived": 7}, "Stopped after 7 new messages."),
        (
            RunStatus.FAILED,
            {"error_code": "HostNotFound", "error_params": {"host": "nowhere.example"}},
            "There is no server named nowhere.example. Check the host name.",
        ),
    ],
)
def test_each_state_of_a_run_has_its_sentence(
    status: RunStatus, values: dict[str, Any], sentence: str, folder: EmailFolderPage
) -> None:
    run = factories.fetch_run(factories.account(folder), status, **values)
    [told] = progress([run])
    assert told["sentence"] == sentence
    assert told["is_active"] == (status in (RunStatus.QUEUED, RunStatus.RUNNING))


def test_a_run_whose_account_was_removed_still_tells(boss: Client, running: FetchRun) -> None:
    FetchRun.objects.update(status=RunStatus.STOPPED, account=None)
    [run] = ask(boss, running).json()["runs"]
    assert run["account"] == "Sales inbox"
    assert not run["is_active"]


# -- who sees it -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("permissions", "status"), [(["publish"], 200), (["add", "change"], 403), ([], 403)]
)
def test_is_told_to_those_who_may_fetch(
    permissions: list[str], status: int, running: FetchRun
) -> None:
    client = browser_of(user_with(running.folder.get_parent(), *permissions))
    assert ask(client, running).status_code == status
    page = client.get(reverse("mailarchive_fetch_run", args=[running.pk]))
    assert page.status_code == status
    stop = client.post(reverse("mailarchive_fetch_stop", args=[running.pk]))
    assert stop.status_code == (302 if status == 200 else 403)
    running.refresh_from_db()
    assert running.stop_requested == (status == 200)


def test_tells_nothing_of_another_folder(boss: Client, running: FetchRun) -> None:
    other = factories.fetch_run(factories.account(factories.folder()), RunStatus.RUNNING)
    assert [run["run"] for run in ask(boss, running, other).json()["runs"]] == [running.pk]


@pytest.mark.parametrize("number", ["x", "-1", "9" * 30, "9" * 5000])
def test_a_number_that_is_none_finds_nothing(
    boss: Client, folder: EmailFolderPage, number: str
) -> None:
    address = reverse("mailarchive_fetch_progress", args=[folder.pk])
    assert boss.get(address, {"run": number}).json()["runs"] == []


def test_the_explorer_shows_it_to_every_viewer(boss: Client, running: FetchRun) -> None:
    second = browser_of(user_with(running.folder.get_parent(), "add", "change", "publish"))
    for client in (boss, second):
        html = explore(client, running.folder)
        assert 'data-controller="mailarchive-fetch"' in html
        assert "fetch-progress.js" in html
        assert '<progress max="1000" value="400"' in html
        assert "400 of 1,000 messages done." in html
        # Told once, by what keeps itself up to date.
        assert "Fetching mail now" not in html


def test_the_page_of_its_account_shows_it_and_leads_to_its_own(
    boss: Client, running: FetchRun
) -> None:
    other = factories.fetch_run(factories.account(running.folder, name="Other"), RunStatus.RUNNING)
    html = boss.get(
        reverse("mailarchive_accounts:edit", args=[running.account_id])
    ).content.decode()
    assert "400 of 1,000 messages done." in html
    assert "fetch-progress.js" in html
    assert html.count(reverse("mailarchive_fetch_run", args=[running.pk])) >= 2
    assert reverse("mailarchive_fetch_run", args=[other.pk]) not in html


def test_the_explorer_shows_nothing_of_it_to_others(running: FetchRun) -> None:
    adder = browser_of(user_with(running.folder.get_parent(), "add", "change"))
    html = explore(adder, running.folder)
    assert "mailarchive-fetch" not in html
    assert reverse("mailarchive_fetch_run", args=[running.pk]) not in html


def test_no_script_is_asked_for_where_nothing_goes_on(
    boss: Client, folder: EmailFolderPage
) -> None:
    factories.account(folder)
    html = explore(boss, folder)
    assert 'data-controller="mailarchive-fetch"' not in html
    # And without script there is a button that posts.
    noscript = html.split("<noscript>")[1:]
    assert any(reverse("mailarchive_fetch_folder", args=[folder.pk]) in each for each in noscript)


def test_hostile_names_are_text(boss: Client, folder: EmailFolderPage) -> None:
    account = factories.account(folder, name="<script>alert(1)</script>")
    factories.fetch_run(account, RunStatus.RUNNING, current_mailbox="<img src=x onerror=y>")
    html = explore(boss, folder)
    assert "<script>alert(1)" not in html
    assert "<img src=x" not in html


# -- beginning and stopping ------------------------------------------------------------------


def test_fetching_from_an_account_leads_to_the_page_of_the_run(
    boss: Client, folder: EmailFolderPage
) -> None:
    account = factories.account(folder)
    response = boss.post(reverse("mailarchive_fetch_account", args=[account.pk]))
    run = account.runs.get()
    assert response.headers["Location"] == reverse("mailarchive_fetch_run", args=[run.pk])
    # A second click shows the same run.
    again = boss.post(reverse("mailarchive_fetch_account", args=[account.pk]))
    assert again.headers["Location"] == response.headers["Location"]


def test_fetching_from_a_disabled_account_leads_back_to_the_folder(
    boss: Client, folder: EmailFolderPage
) -> None:
    account = factories.account(folder, enabled=False)
    response = boss.post(reverse("mailarchive_fetch_account", args=[account.pk]))
    assert response.headers["Location"] == reverse("wagtailadmin_explore", args=[folder.pk])
    assert not account.runs.exists()


def test_stopping_is_noted_told_and_leads_back(boss: Client, running: FetchRun) -> None:
    address = reverse("mailarchive_fetch_stop", args=[running.pk])
    back = reverse("wagtailadmin_explore", args=[running.folder_id])
    response = boss.post(address, {"next": back})
    assert response.headers["Location"] == back
    said = [str(each).strip() for each in get_messages(response.wsgi_request)]
    assert said == ["The fetch of Sales inbox stops after the messages under way."]
    running.refresh_from_db()
    assert running.stop_requested
    html = explore(boss, running.folder)
    assert "Stops after the messages under way." in html
    assert address not in html


def test_stopping_takes_a_post_with_a_token(superuser: Any, running: FetchRun) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(superuser)
    address = reverse("mailarchive_fetch_stop", args=[running.pk])
    assert strict.post(address).status_code == 403
    assert strict.get(address).status_code == 405
    running.refresh_from_db()
    assert not running.stop_requested


def test_the_page_of_a_run_reloads_itself_without_script_while_it_goes(
    boss: Client, running: FetchRun
) -> None:
    address = reverse("mailarchive_fetch_run", args=[running.pk])
    refresh = '<noscript><meta http-equiv="refresh"'
    assert refresh in boss.get(address).content.decode()
    FetchRun.objects.update(status=RunStatus.SUCCEEDED, finished_at=timezone.now())
    assert refresh not in boss.get(address).content.decode()
