"""A fetch in Chromium: watched, stopped, seen by two, and without script.

Mail comes from a real Dovecot; the worker pauses after each batch until the test lets it go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections
from playwright.sync_api import Page, Request, expect

from tests import factories
from tests.admin.conftest import manager_of
from tests.axe import Violations
from tests.browser import each_window
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.fetching.run import work_on
from wagtail_mailarchive.models import FetchRun, MailAccount, RunStatus, WorkerHeartbeat

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]
MESSAGES = 450  # three batches
REGION = "[data-controller='mailarchive-fetch']"


class Worker:
    """Works on one run in a thread, a batch each time it is told to."""

    def __init__(self, run_id: int) -> None:
        self._go = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._work, args=[run_id], daemon=True)
        self._thread.start()

    def go_on(self, batches: int = 1) -> None:
        for _ in range(batches):
            self._go.release()

    def end(self) -> None:
        self.go_on(100)
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _work(self, run_id: int) -> None:
        try:
            work_on(run_id, after_batch=lambda run: self._pause())
        finally:
            connections.close_all()

    def _pause(self) -> None:
        self._go.acquire(timeout=60)


@pytest.fixture
def account(chromium: Any, dovecot: Dovecot, mail_user: str) -> MailAccount:
    for number in range(MESSAGES):
        dovecot.deliver(mail_user, factories.raw(f"Offer {number}"))
    WorkerHeartbeat.beat()
    folder = factories.folder(factories.workspace("Sales"), title="Offers")
    return factories.account(folder, dovecot.endpoint(mail_user), name="Sales inbox")


@pytest.fixture
def start(account: MailAccount) -> Iterator[Callable[[], Worker]]:
    """`start()` lets a worker begin with the run that was requested."""
    workers: list[Worker] = []

    def begin() -> Worker:
        workers.append(Worker(FetchRun.objects.get().pk))
        return workers[-1]

    yield begin
    for worker in workers:
        worker.end()


def explorer(account: MailAccount) -> str:
    return f"/admin/pages/{account.folder_id}/"


def test_is_followed_to_its_end_and_by_a_second_viewer(
    tab_of: Callable[..., Page], account: MailAccount, start: Callable[[], Worker]
) -> None:
    workspace = account.folder.get_parent()
    tab = tab_of(manager_of(workspace))
    tab.goto(explorer(account))
    expect(tab.locator(REGION)).to_have_count(0)
    tab.get_by_role("button", name="Fetch new mail").first.click()
    region = tab.locator(REGION)
    expect(region).to_contain_text("Queued; begins in a moment.")
    tab.evaluate(
        """() => {
            const status = document.querySelector(".mailarchive-fetch [role=status]");
            window.heard = [];
            new MutationObserver(() => window.heard.push(status.textContent))
                .observe(status, {childList: true});
        }"""
    )
    worker = start()
    expect(region).to_contain_text("200 of 450 messages done.", timeout=30_000)
    expect(region).to_contain_text("INBOX")
    bar = region.locator("progress")
    expect(bar).to_have_js_property("value", 200)
    expect(bar).to_have_js_property("max", 450)

    # Not chatty: the beginning, unless it was said before, and the part of the way passed.
    heard = tab.evaluate("window.heard")
    assert heard[-1] == "Sales inbox: 200 of 450 messages done."
    assert heard[:-1] in ([], ["Sales inbox: Queued; begins in a moment."])

    # A reload and a second viewer see the same.
    tab.reload()
    expect(tab.locator(REGION)).to_contain_text("200 of 450 messages done.")
    second = tab_of(manager_of(workspace))
    second.goto(explorer(account))
    expect(second.locator(REGION)).to_contain_text("200 of 450 messages done.")

    worker.go_on(10)
    for each in (tab, second):
        expect(each.locator(REGION)).to_contain_text("Done: 450 new messages.", timeout=30_000)
        expect(each.locator(f"{REGION} progress")).to_be_hidden()
        expect(each.get_by_role("button", name="Stop")).to_be_hidden()
    second.get_by_role("link", name="Reload to see what came").click()
    expect(second.locator("#listing-results")).to_contain_text("Offer 449")
    expect(second.locator(REGION)).to_have_count(0)


def test_says_the_end_once_to_who_listens(
    tab_of: Callable[..., Page], account: MailAccount, start: Callable[[], Worker]
) -> None:
    tab = tab_of(manager_of(account.folder.get_parent()))
    run = factories.fetch_run(account, RunStatus.QUEUED)
    tab.goto(f"/admin/mailarchive/fetches/{run.pk}/")
    status = tab.locator(f"{REGION} [role=status]")
    expect(status).to_have_text("Sales inbox: Queued; begins in a moment.")
    worker = start()
    worker.go_on(10)
    expect(status).to_have_text("Sales inbox: Done: 450 new messages.", timeout=30_000)
    tab.get_by_role("link", name="Reload to see what came").click()
    expect(tab.locator(".mailarchive-sum").first).to_contain_text("450 archived")
    expect(tab.get_by_role("link", name="Offer 449")).to_be_visible()


def test_is_stopped_after_the_batch_under_way(
    tab_of: Callable[..., Page], account: MailAccount, start: Callable[[], Worker]
) -> None:
    tab = tab_of(manager_of(account.folder.get_parent()))
    tab.goto(explorer(account))
    tab.get_by_role("button", name="Fetch new mail").first.click()
    expect(tab.locator(REGION)).to_be_visible()
    worker = start()
    region = tab.locator(REGION)
    expect(region).to_contain_text("200 of 450 messages done.", timeout=30_000)
    tab.get_by_role("button", name="Stop fetching Sales inbox").click()
    expect(region).to_contain_text("Stops after the messages under way.")
    expect(tab.get_by_role("button", name="Stop fetching Sales inbox")).to_have_count(0)
    worker.go_on(10)
    expect(region).to_contain_text("Stopped after 200 new messages.", timeout=30_000)
    run = FetchRun.objects.get()
    assert (run.status, run.archived, run.waiting) == ("stopped", 200, 250)


def test_says_that_no_worker_runs_and_when_one_does(
    tab_of: Callable[..., Page], account: MailAccount, start: Callable[[], Worker]
) -> None:
    WorkerHeartbeat.objects.all().delete()
    tab = tab_of(manager_of(account.folder.get_parent()))
    tab.goto(explorer(account))
    tab.get_by_role("button", name="Fetch new mail").first.click()
    command = tab.locator(f"{REGION} code")
    expect(command).to_be_visible()
    expect(command).to_have_text("python manage.py qcluster")
    WorkerHeartbeat.beat()
    expect(command).to_be_hidden()


def test_asks_nothing_while_nobody_looks(tab_of: Callable[..., Page], account: MailAccount) -> None:
    factories.fetch_run(account, RunStatus.RUNNING, waiting=450)
    tab = tab_of(manager_of(account.folder.get_parent()))
    asked: list[str] = []

    def note(request: Request) -> None:
        if "/progress/" in request.url:
            asked.append(request.url)

    tab.on("request", note)
    tab.goto(explorer(account))
    tab.wait_for_function("document.querySelector('.mailarchive-fetch [role=status]').textContent")
    look = """hidden => {
        Object.defineProperty(document, "hidden", {get: () => hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    tab.evaluate(look, True)
    before = len(asked)
    tab.wait_for_timeout(2_500)
    assert len(asked) == before
    with tab.expect_request(lambda request: "/progress/" in request.url):
        tab.evaluate(look, False)


def test_a_site_that_does_not_answer_is_told_of(
    tab_of: Callable[..., Page], account: MailAccount
) -> None:
    factories.fetch_run(account, RunStatus.RUNNING, waiting=450)
    tab = tab_of(manager_of(account.folder.get_parent()))
    tab.route("**/progress/**", lambda route: route.abort())
    tab.goto(explorer(account))
    lost = tab.get_by_text("The site does not answer, so these numbers may be old.")
    expect(lost).to_be_visible()
    tab.unroute("**/progress/**")
    expect(lost).to_be_hidden(timeout=15_000)


def test_works_without_script(
    tab_of: Callable[..., Page], account: MailAccount, start: Callable[[], Worker]
) -> None:
    tab = tab_of(manager_of(account.folder.get_parent()), java_script_enabled=False)
    tab.goto(explorer(account))
    tab.locator("noscript form button").click()
    expect(tab.locator(REGION)).to_contain_text("Queued; begins in a moment.")
    worker = start()
    tab.get_by_role("link", name="Sales inbox", exact=True).click()
    # The page of the run reloads itself.
    expect(tab.locator(REGION)).to_contain_text("200 of 450 messages done.", timeout=30_000)
    tab.get_by_role("button", name="Stop fetching Sales inbox").click()
    expect(tab.locator(REGION)).to_contain_text("Stops after the messages under way.")
    worker.go_on(10)
    expect(tab.locator("main")).to_contain_text("Stopped after 200 new messages.", timeout=30_000)
    expect(tab.locator("main")).to_contain_text("200 archived")


@each_window
def test_nobody_is_shut_out_and_nothing_is_wider_than_the_window(
    width: int,
    scheme: str,
    tab_of: Callable[..., Page],
    account: MailAccount,
    axe: Violations,
) -> None:
    MailAccount.objects.update(name="Account " + "n" * 100)
    account.refresh_from_db()
    factories.fetch_run(account, RunStatus.SUCCEEDED, archived=3, on_server=3)
    run = factories.fetch_run(
        account,
        RunStatus.RUNNING,
        archived=200,
        waiting=250,
        current_mailbox="INBOX/" + "x" * 80,
    )
    tab = tab_of(
        factories.superuser(), viewport={"width": width, "height": 800}, color_scheme=scheme
    )
    for address in (
        explorer(account),
        f"/admin/mailarchive/accounts/edit/{account.pk}/",
        f"/admin/mailarchive/fetches/{run.pk}/",
        "/admin/mailarchive/fetches/",
        "/admin/settings/wagtail_mailarchive/archivesitesettings/",
    ):
        tab.goto(address)
        tab.wait_for_load_state("networkidle")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, address
        # The form of an account is looked at by its own tests.
        within = ".mailarchive-fetch" if "accounts/edit" in address else "main"
        assert axe(tab, within) == [], address
