"""No password or token is seen anywhere but on its way to its own server.

Not in logs, queue, mails, pages, exports, exception reports, dumps, nor in any table.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import pickle
import sys
import zipfile
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests
from cryptography.fernet import MultiFernet
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.management import call_command
from django.core.signals import got_request_exception
from django.db import connection
from django.dispatch import Signal
from django.forms import CharField
from django.test import Client, override_settings
from django.urls import path, reverse
from django.utils import timezone
from django.views.debug import ExceptionReporter
from django_q import monitor, worker
from django_q.models import OrmQ, Task
from django_q.signing import SignedPackage
from django_q.tasks import _sync
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from wagtail.api.v2.router import WagtailAPIRouter
from wagtail.api.v2.views import PagesAPIViewSet
from wagtail.models import APIToken, ModelLogEntry, Page, PageLogEntry, Revision

from tests import factories
from tests.admin.test_permissions import Scene, addresses
from tests.leak_finder import Finder, dresses, everything_logged
from tests.servers.dovecot import Dovecot
from tests.servers.oauth import CLIENT_SECRET, OAuthServer
from tests.urls import urlpatterns as site_urls
from wagtail_mailarchive import tasks
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.fetching.trials import request_trial, run_trial, try_values
from wagtail_mailarchive.models import (
    FetchRun,
    MailAccount,
    OAuthGrant,
    RunStatus,
    Trial,
    TrialKind,
    secret,
)
from wagtail_mailarchive.sources.channel import Channel

pytestmark = pytest.mark.django_db

PASSWORD = "hunter2 & <pass>+word/7f3a9c"
WRONG = "wrong & <pass>+word/0b51de"
REFRESH = "1//refresh-token.3c9e77b1"
ACCESS = "ya29.access-token_5d20aa4f"
CLIENT = "client-secret~91b6e0d2"
FINDER = Finder(password=PASSWORD, wrong=WRONG, refresh=REFRESH, access=ACCESS, client=CLIENT)

Seen = dict[str, list[str | bytes]]
EXPORTED = ("mailarchive_accounts:index", "mailarchive_fetch_report")
CHANNELS = (
    *("answers", "session", "logs", "queue", "results"),
    *("tables", "dump", "log entries", "revisions", "mails"),
)


@pytest.fixture
def seen() -> Seen:
    """Channel -> all that was seen there."""
    return defaultdict(list)


# -- the finder itself ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dress",
    [
        str,
        repr,
        json.dumps,
        quote,
        lambda text: text.encode(),
        lambda text: f"a {text} b".encode().hex(),
        lambda text: b64encode(text.encode()),
        lambda text: b64encode(f"\0ada\0{text}".encode()),
        lambda text: b64encode(f"user=x\1auth=Bearer {text}\1\1".encode()),
        lambda text: b64encode(f"user=xy\1auth=Bearer {text}\1\1".encode()),
    ],
)
@pytest.mark.parametrize("text", [PASSWORD, REFRESH, ACCESS])
def test_a_secret_is_found_in_every_dress(text: str, dress: Callable[[str], str | bytes]) -> None:
    assert FINDER.names_in(dress(text))
    assert not FINDER.names_in(dress("something else entirely, of about that length"))
    assert all(len(each) > 20 for each in dresses(text))


# -- the whole life of an account ----------------------------------------------------------------


class Browser(Client):
    """A browser that remembers all it was sent, and what the server remembers of it."""

    def __init__(self, user: User, seen: Seen) -> None:
        super().__init__()
        self._seen = seen
        self.force_login(user)

    def request(self, **request: Any) -> Any:
        answer = super().request(**request)
        body = b"".join(answer) if answer.streaming else answer.content
        self._seen["answers"] += [body, repr(answer.headers), repr(answer.cookies)]
        self._seen["session"].append(repr(dict(self.session.items())))
        if zipfile.is_zipfile(io.BytesIO(body)):
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                self._seen["answers"] += [archive.read(name) for name in archive.namelist()]
        return answer


@pytest.fixture(params=["imap", "pop3"])
def account(request: pytest.FixtureRequest, dovecot: Dovecot, mail_user: str) -> MailAccount:
    """An account of a real server whose password is PASSWORD, with three messages."""
    user = dovecot.create_user(f"{mail_user}-{request.param}", PASSWORD)
    for number in range(3):
        dovecot.deliver(user, factories.raw(f"Message {number}").replace(b"\n", b"\r\n"))
    endpoint = dovecot.endpoint(user)
    made = factories.account(factories.folder(title="Offers"), endpoint)
    if request.param == "pop3":
        made.protocol, made.port = "pop3", dovecot.pop3s
    made.verified_at = timezone.now()
    made.set_secret(PASSWORD)
    made.save()
    return made


class Life:
    """What happens to an account, all of it watched."""

    def __init__(self, seen: Seen, callbacks: DjangoCaptureOnCommitCallbacks) -> None:
        self._seen = seen
        self._callbacks = callbacks
        self.boss = factories.superuser()
        self.boss.email = "boss@example.org"
        self.boss.save()
        self.browser = Browser(self.boss, seen)

    @contextlib.contextmanager
    def watched(self, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
        """See what is said during the block, and what is left after it."""
        connection.force_debug_cursor = True  # so that the database logs what it is asked
        try:
            with everything_logged(self._seen["logs"]):
                yield
        finally:
            connection.force_debug_cursor = False
        look_everywhere(self._seen)
        self._seen["output"] += list(capfd.readouterr())
        for channel in CHANNELS:
            assert self._seen[channel], f"nothing was seen in {channel}"
        assert any("INSERT INTO" in str(line) for line in self._seen["logs"])

    def later(self, work: Callable[[], object]) -> None:
        """Do something, and what it queues."""
        with self._callbacks(execute=True):
            work()
        work_off_queue(self._seen)

    def fetch(self, account: MailAccount) -> FetchRun:
        """Press the button, and have the worker do it."""
        address = reverse("mailarchive_fetch_account", args=[account.pk])
        self.later(lambda: self.browser.post(address))
        return account.runs.latest("pk")

    def try_out(self, account: MailAccount) -> list[bool]:
        """Test the connection and do a dry run; return whether they went well."""
        before = set(account.trials.values_list("pk", flat=True))
        for kind in TrialKind:
            self.later(partial(request_trial, account, kind, self.boss))
        results = [trial.result for trial in account.trials.exclude(pk__in=before)]
        return [bool(each.get("passed", not each.get("error"))) for each in results]

    def remove(self, account: MailAccount) -> None:
        account.folder.save_revision(user=self.boss)
        self.browser.post(reverse("mailarchive_accounts:delete", args=[account.pk]))
        assert not MailAccount.objects.filter(pk=account.pk).exists()


@pytest.fixture
def life(
    seen: Seen, db: None, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> Life:
    return Life(seen, django_capture_on_commit_callbacks)


@pytest.mark.slow
def test_no_password_is_seen_in_the_whole_life_of_an_account(
    account: MailAccount, life: Life, seen: Seen, capfd: pytest.CaptureFixture[str]
) -> None:
    with life.watched(capfd):
        type_into_form(life.browser, account)
        assert try_values(account.endpoint(), account.protocol, life.boss).result["passed"]
        assert life.try_out(account) == [True, True]
        assert life.fetch(account).archived == 3
        visit_everything(life.browser, account)
        with failing_at_the_secret():
            assert life.fetch(account).error_code == "UnexpectedFetchError"
        # And all that goes wrong with a wrong one.
        account.set_secret(WRONG)
        account.save()
        for _ in range(3):
            fetch_now(MailAccount.objects.get(pk=account.pk))
        assert life.try_out(account) == [False, False]
        life.later(tasks.dispatch)
        visit_everything(life.browser, account)
        life.remove(account)
    assert FINDER.leaks(seen) == {}


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_no_token_is_seen_in_the_whole_life_of_a_sign_in(
    protocol: str,
    life: Life,
    seen: Seen,
    settings: Settings,
    oauth_server: OAuthServer,
    oauth_dovecot: Dovecot,
    capfd: pytest.CaptureFixture[str],
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {
        **settings.WAGTAIL_MAILARCHIVE,
        "OAUTH_PROVIDERS": {"example": oauth_server.entry()},
    }
    oauth_server.user = oauth_dovecot.create_user(f"leaks-{protocol}")
    oauth_dovecot.deliver(oauth_server.user, factories.raw().replace(b"\n", b"\r\n"))
    account = factories.account(
        factories.folder(title="Offers"),
        oauth_dovecot.endpoint(oauth_server.user, protocol=protocol),
        **{"protocol": protocol, "login": "oauth2", "oauth_provider": "example"},
    )
    with life.watched(capfd):
        sign_in(life.browser, account)
        assert life.try_out(account) == [True, True]
        assert life.fetch(account).archived == 1
        OAuthGrant.objects.update(access_expires_at=timezone.now())
        assert life.fetch(account).status == RunStatus.SUCCEEDED
        assert len(oauth_server.refreshed_with) == 1
        visit_everything(life.browser, account)
        with failing_at_the_secret(Finder(token=oauth_server.tokens[-1].access_token)):
            assert life.fetch(account).error_code == "UnexpectedFetchError"
        oauth_server.revoke()
        OAuthGrant.objects.update(access_expires_at=timezone.now())
        assert life.fetch(account).error_code == "SignInNeeded"
        assert life.try_out(account) == [False, False]
        life.later(tasks.dispatch)
        visit_everything(life.browser, account)
        life.remove(account)
    given = oauth_server.tokens
    secrets = {f"access {n}": token.access_token for n, token in enumerate(given)}
    secrets |= {f"refresh {n}": token.refresh_token for n, token in enumerate(given)}
    assert len(given) == 2
    assert Finder(**secrets, client=CLIENT_SECRET).leaks(seen) == {}


def sign_in(browser: Browser, account: MailAccount) -> None:
    """Go to the provider, which knows the user and asks nothing, and come back."""
    away = browser.post(reverse("mailarchive_oauth_sign_in", args=[account.pk]))
    back = requests.get(away.headers["Location"], allow_redirects=False, timeout=10)
    place = urlsplit(back.headers["Location"])
    browser.get(f"{place.path}?{place.query}")
    assert OAuthGrant.objects.filter(account=account).exists()


def type_into_form(browser: Browser, account: MailAccount) -> None:
    """Type a password into the forms, wrongly and rightly."""
    add = reverse("mailarchive_accounts:add")
    wrong = {**filled_in(browser, add), "folder": account.folder_id, "secret": PASSWORD}
    assert browser.post(add, wrong).context["form"].errors
    right = wrong | {
        "name": "Typed",
        "email": "typed@example.org",
        "connection": f"{account.protocol}s",
        "host": account.host,
        "port": account.port,
        "username": account.username,
        "ca_certificate": account.ca_certificate,
    }
    for headers in ({}, {"accept": "application/json"}):
        tested = browser.post(add, {**right, "action-test": "1"}, headers=headers)
        assert tested.status_code == 200
    assert tested.json()["passed"]
    browser.post(add, {**right, "action-test": "1", "secret": WRONG})
    answer = browser.post(add, {**right, "tested": tested.json()["tested"]})
    assert answer.status_code == 302, answer.context["form"].errors
    made = MailAccount.objects.get(name="Typed")
    assert made.endpoint().secret == PASSWORD
    edit = reverse("mailarchive_accounts:edit", args=[made.pk])
    assert browser.post(edit, {**right, "host": "a/b", "secret": WRONG}).context["form"].errors
    assert browser.post(edit, {**right, "secret": "two\nlines " + WRONG}).context["form"].errors
    assert browser.post(edit, {**right, "secret": WRONG}).status_code == 302
    browser.post(reverse("mailarchive_accounts:delete", args=[made.pk]))


def filled_in(browser: Browser, address: str) -> dict[str, Any]:
    """Return what the form at `address` is filled in with."""
    form = browser.get(address).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value not in (None, False, [])}


def visit_everything(browser: Browser, account: MailAccount) -> None:
    run = account.runs.latest("pk")
    tests = account.trials.filter(kind=TrialKind.CONNECTION)
    trial = tests.last() or Trial.objects.create(kind=TrialKind.CONNECTION, account=account)
    scene = Scene(account.folder, account, run, trial)
    for name, names in addresses().items():
        address = scene.address(name, names)
        for query in ("", "?export=csv", "?export=xlsx") if name in EXPORTED else ("",):
            browser.get(address + query)
    folder = account.folder
    for address in (
        reverse("wagtailadmin_home"),
        reverse("wagtailadmin_explore", args=[folder.pk]),
        reverse("wagtailadmin_pages:edit", args=[folder.pk]),
        reverse("wagtailadmin_pages:history", args=[folder.pk]),
        folder.url,
    ):
        assert browser.get(address).status_code in (200, 302)


def work_off_queue(seen: Seen) -> None:
    """Do what is queued, as a worker would, results kept."""
    for row in OrmQ.objects.order_by("pk"):
        seen["queue"].append(repr(SignedPackage.loads(row.payload)))
        row.delete()
        with pytest.MonkeyPatch.context() as patch:
            for module in (worker, monitor):
                # A test's connection is not the worker's own to close.
                patch.setattr(module, "close_old_django_connections", lambda: None)
            _sync(row.payload)
    seen["results"] += [repr((each.args, each.kwargs, each.result)) for each in Task.objects.all()]


def look_everywhere(seen: Seen) -> None:
    """Look at what is stored, as it is stored and as it is read."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            seen["tables"] += [repr(row) for row in cursor.fetchall()]
    seen["session"] += [repr(each.get_decoded()) for each in Session.objects.all()]
    for model in (ModelLogEntry, PageLogEntry):
        seen["log entries"] += [repr(vars(each)) for each in model.objects.all()]
    seen["revisions"] += [json.dumps(each.content) for each in Revision.objects.all()]
    seen["mails"] += [each.message().as_string() + each.body for each in mail.outbox]
    out = io.StringIO()
    call_command("dumpdata", stdout=out)
    seen["dump"].append(out.getvalue())


# -- what is stored ------------------------------------------------------------------------------


@pytest.fixture
def stored(db: None) -> MailAccount:
    """An account with a password and the tokens of a sign-in."""
    account = factories.account(factories.folder(title="Offers"), name="Stored")
    account.set_secret(PASSWORD)
    account.save()
    OAuthGrant.objects.create(
        account=account,
        provider="any",
        sealed_refresh_token=secret.seal(REFRESH, account.binding),
        sealed_access_token=secret.seal(ACCESS, account.binding),
    )
    return account


@pytest.fixture
def sealed(stored: MailAccount) -> Finder:
    """Finds what is encrypted, which has no business outside the database either."""
    grant = stored.grant
    return Finder(
        password=stored.sealed_secret,
        refresh=grant.sealed_refresh_token,
        access=grant.sealed_access_token,
    )


def test_tables_hold_nothing_readable(stored: MailAccount, seen: Seen, sealed: Finder) -> None:
    look_everywhere(seen)
    assert FINDER.leaks(seen) == {}
    # Where the encrypted ones are found, a readable one would have been.
    assert set(sealed.leaks(seen)) == {"tables", "dump"}


def test_pages_of_the_admin_show_nothing_not_even_encrypted(
    stored: MailAccount, seen: Seen, sealed: Finder
) -> None:
    factories.fetch_run(stored, RunStatus.SUCCEEDED)
    visit_everything(Browser(factories.superuser(), seen), stored)
    assert FINDER.leaks(seen) == {}
    assert sealed.leaks(seen) == {}


@pytest.mark.parametrize("read", ["version 2", "version 3", "page", "revision"])
def test_no_way_to_read_a_page_gives_its_accounts(
    stored: MailAccount, seen: Seen, sealed: Finder, read: str
) -> None:
    folder = stored.folder
    if read == "version 2":
        text = in_api_v2(folder)
    elif read == "version 3":
        text = in_api_v3(folder)
    elif read == "page":
        text = json.dumps(folder.serializable_data(), default=str)
    else:
        text = json.dumps(folder.save_revision().content)
    assert "Offers" in text
    seen[read].append(text)
    assert FINDER.leaks(seen) == sealed.leaks(seen) == {}
    for value in (stored.name, stored.host, stored.username):
        assert value not in text


def in_api_v2(page: Page) -> str:
    with override_settings(ROOT_URLCONF=__name__):
        answer = Client().get(f"/api/v2/pages/{page.pk}/?fields=*")
    assert answer.status_code == 200
    return answer.content.decode()


router = WagtailAPIRouter("v2")
router.register_endpoint("pages", PagesAPIViewSet)
urlpatterns = [path("api/v2/", router.urls), *site_urls]


def in_api_v3(page: Page) -> str:
    _token, plain = APIToken.create_token(user=factories.superuser(), name="tests")
    client = Client(headers={"authorization": f"Bearer {plain}"})
    answer = client.get(f"/api/v3/pages/{page.pk}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_objects_show_and_carry_nothing(stored: MailAccount, sealed: Finder) -> None:
    grant = stored.grant
    for each in (stored, grant, stored.endpoint(), stored.endpoint(ACCESS)):
        assert not FINDER.names_in(repr(each))
        assert not FINDER.names_in(str(each))
    for row in (stored, grant, copy.deepcopy(grant)):
        assert not sealed.names_in(pickle.dumps(row))


# -- exception reports ---------------------------------------------------------------------------


class Unforeseen(Exception):
    """No class of ours foresaw it."""


def report_of(work: Callable[[], object], request: Any = None) -> str:
    """Do what raises Unforeseen and return what Django would mail to the administrators."""
    try:
        work()
    except Unforeseen:
        reporter = ExceptionReporter(request, *sys.exc_info())
        return reporter.get_traceback_text() + reporter.get_traceback_html()
    raise AssertionError("nothing was raised")


@contextlib.contextmanager
def failing_at_the_secret(finder: Finder = FINDER) -> Iterator[None]:
    """Have the connection fail in an unforeseen way at the very moment it sends a secret."""
    send = Channel.send

    def fail(channel: Channel, data: bytes) -> None:
        if finder.names_in(bytes(data)):
            raise Unforeseen
        send(channel, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Channel, "send", fail)
        yield


def test_a_report_of_a_fetch_that_fails_at_the_login_shows_no_secret(account: MailAccount) -> None:
    with failing_at_the_secret():
        report = report_of(lambda: fetch_now(account))
    assert "failing_at_the_secret" in report
    assert not FINDER.names_in(report)


@pytest.mark.parametrize("kind", TrialKind)
def test_a_report_of_a_trial_that_fails_at_the_login_shows_no_secret(
    account: MailAccount,
    kind: TrialKind,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    trial = request_trial(account, kind, factories.superuser())
    with failing_at_the_secret():
        report = report_of(lambda: run_trial(trial.pk))
    assert "failing_at_the_secret" in report
    assert not FINDER.names_in(report)


def test_a_report_of_a_test_of_typed_values_shows_no_secret(account: MailAccount) -> None:
    endpoint, user = account.endpoint(), factories.superuser()
    with failing_at_the_secret():
        report = report_of(lambda: try_values(endpoint, account.protocol, user))
    assert "failing_at_the_secret" in report
    assert not FINDER.names_in(report)


def failing_clean(patch: pytest.MonkeyPatch) -> None:
    def fail(field: CharField, value: Any) -> str:
        if FINDER.names_in(str(value)):
            raise Unforeseen
        return str(value or "")

    patch.setattr(CharField, "to_python", fail)


def failing_encryption(patch: pytest.MonkeyPatch) -> None:
    def fail(keys: MultiFernet, plain: bytes) -> bytes:
        raise Unforeseen

    patch.setattr(MultiFernet, "encrypt", fail)


def failing_save(patch: pytest.MonkeyPatch) -> None:
    def fail(account: MailAccount, **values: Any) -> None:
        raise Unforeseen

    patch.setattr(MailAccount, "save_base", fail)


@pytest.mark.parametrize("failing", [failing_clean, failing_encryption, failing_save])
@pytest.mark.parametrize("view", ["add", "edit"])
def test_a_report_of_a_form_that_fails_shows_no_secret(
    view: str,
    failing: Callable[[pytest.MonkeyPatch], None],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {
        **settings.WAGTAIL_MAILARCHIVE,
        "OAUTH_PROVIDERS": {"any": {"client_id": "us", "client_secret": CLIENT}},
    }
    [key] = settings.WAGTAIL_MAILARCHIVE["ENCRYPTION_KEYS"]
    account = factories.account(factories.folder())
    boss = Browser(factories.superuser(), defaultdict(list))
    address = reverse(f"mailarchive_accounts:{view}", args=[account.pk] if view == "edit" else [])
    typed = filled_in(boss, address) | {"folder": account.folder_id, "name": "Typed"}
    typed |= {"email": "typed@example.org", "host": "imap.example.org", "username": "typed"}
    reports = []

    def report(request: Any, **kwargs: Any) -> None:
        reporter = ExceptionReporter(request, *sys.exc_info())
        reports.append(reporter.get_traceback_text() + reporter.get_traceback_html())

    with signal_connected(got_request_exception, report):
        failing(monkeypatch)
        with pytest.raises(Unforeseen):
            boss.post(address, {**typed, "secret": PASSWORD})
    [text] = reports
    assert failing.__name__ in text
    assert "OAUTH_PROVIDERS" in text
    assert not FINDER.names_in(text)
    assert key not in text


@contextlib.contextmanager
def signal_connected(signal: Signal, receiver: Callable[..., None]) -> Iterator[None]:
    signal.connect(receiver)
    try:
        yield
    finally:
        signal.disconnect(receiver)
