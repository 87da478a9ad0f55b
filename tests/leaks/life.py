"""What happens to accounts, all of it watched."""

from __future__ import annotations

import contextlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django_q import monitor, worker
from django_q.models import OrmQ, Task
from django_q.signing import SignedPackage
from django_q.tasks import _sync
from pytest_django import DjangoCaptureOnCommitCallbacks
from wagtail.models import ModelLogEntry, PageLogEntry, Revision

from tests import factories
from tests.admin.test_permissions import Scene, addresses
from tests.leaks.finder import FINDER, PASSWORD, WRONG, Finder, Seen, everything_logged
from wagtail_mailarchive.fetching.trials import request_trial
from wagtail_mailarchive.models import FetchRun, MailAccount, OAuthGrant, Trial, TrialKind
from wagtail_mailarchive.sources.channel import Channel

EXPORTED = ("mailarchive_accounts:index", "mailarchive_fetch_report")
CHANNELS = (
    *("answers", "session", "logs", "queue", "results"),
    *("tables", "dump", "log entries", "revisions", "mails"),
)


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


class Unforeseen(Exception):
    """No class of ours foresaw it."""


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
