"""What leaves over a real line: what programs read of it, and that it never leaves twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from tests import factories
from tests.collaboration.following import follow, work
from tests.servers.smtp import SmtpSink
from wagtail_mailarchive import tasks
from wagtail_mailarchive.collaboration import following, following_news
from wagtail_mailarchive.models import Delivery, EmailFolderPage, Follow

pytestmark = pytest.mark.django_db


@pytest.fixture
def sink(settings: Settings) -> Iterator[SmtpSink]:
    with SmtpSink() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST = "127.0.0.1"
        settings.EMAIL_PORT = server.port
        settings.EMAIL_TIMEOUT = 20
        yield server


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder(title="Bücher und Verträge", privacy="login")


@pytest.fixture
def reader() -> User:
    return factories.user(email="reader@example.org")


@pytest.fixture
def due(folder: EmailFolderPage, reader: User) -> Follow:
    """Somebody is to be told of one message."""
    made = follow(reader, folder=folder)
    factories.archive(folder, factories.raw("Angebot für Sie"))
    return made


def tried_again() -> None:
    Delivery.objects.filter(try_at__isnull=False).update(try_at=timezone.now())
    work()


def test_one_click_in_the_real_mail_ends_it(sink: SmtpSink, due: Follow) -> None:
    work()
    [mail] = sink.mails
    assert mail["Subject"] == "Bücher und Verträge: 1 new message"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    # Not folded and not encoded, as programs look for it.
    [line] = [each for each in sink.raw[0].splitlines() if each.startswith(b"List-Unsubscribe:")]
    assert line == f"List-Unsubscribe: <http://localhost/mail/u/{due.token}/>".encode()
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert all("Angebot für Sie" in part.get_content() for part in mail.iter_parts())
    # The reader's provider does it: no session, no cookie, no token of a form.
    outside = Client(enforce_csrf_checks=True)
    path = f"/mail/u/{due.token}/"
    assert outside.get(path).status_code == 200
    assert Follow.objects.exists(), "programs look at what is behind links"
    response = outside.post(path, {"List-Unsubscribe": "One-Click"})
    assert (response.status_code, Follow.objects.exists()) == (200, False)
    # Nothing is left to end, which is no error; nor does it say what was followed.
    assert b"cher" not in outside.post(path).content
    assert outside.post("/mail/u/%00/").status_code == 404


def test_a_server_that_is_away_gets_the_mail_later(
    sink: SmtpSink, due: Follow, settings: Settings
) -> None:
    settings.EMAIL_PORT = 1
    work()
    work()
    assert Delivery.objects.get().tries == 1
    settings.EMAIL_PORT = sink.port
    tried_again()
    tried_again()
    assert len(sink.raw) == 1


def test_a_mail_that_was_refused_is_tried_again_and_stops_no_other(
    sink: SmtpSink, due: Follow, folder: EmailFolderPage
) -> None:
    sink.refuses = True
    work()
    assert sink.raw == []
    assert Delivery.objects.get().try_at is not None
    sink.refuses = False
    tried_again()
    assert len(sink.raw) == 1
    assert Delivery.objects.get().sent_at is not None


def test_a_mail_that_may_have_arrived_is_not_sent_again(
    sink: SmtpSink, due: Follow, folder: EmailFolderPage
) -> None:
    sink.hangs_up = True
    follow(factories.user(email="second@example.org"), folder=folder)
    Follow.objects.update(seen={})
    work()
    sink.hangs_up = False
    tried_again()
    # Both came, each over a line of its own.
    assert sorted(mail["To"] for mail in sink.mails) == ["reader@example.org", "second@example.org"]
    assert Delivery.objects.filter(begun_at__isnull=False, sent_at=None).count() == 2


def test_a_worker_that_dies_while_sending_sends_nothing_twice(
    sink: SmtpSink, due: Follow, folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Nothing of ours is run any more."""

    def die(*args: Any, **kwargs: Any) -> None:
        raise Killed

    # After the server took the mail, and before that is noted.
    with monkeypatch.context() as patch:
        real = following._server

        def server() -> Any:
            made = real()
            send = made.send_messages

            def send_and_die(messages: Any) -> None:
                send(messages)
                die()

            made.send_messages = send_and_die
            return made

        patch.setattr(following, "_server", server)
        with pytest.raises(Killed):
            work()
    assert len(sink.raw) == 1
    tried_again()
    assert len(sink.raw) == 1
    # Before it is begun, nothing is lost.
    factories.archive(folder, factories.raw("Second"))
    with monkeypatch.context() as patch:
        patch.setattr(following, "_claim", die)
        with pytest.raises(Killed):
            work()
    tried_again()
    assert len(sink.raw) == 2


def test_two_workers_send_one_mail(
    sink: SmtpSink, due: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = following._written
    look = following_news.arrivals_of

    def write_while_another_works(delivery: Delivery) -> Any:
        monkeypatch.setattr(following, "_written", written)
        tasks.tell_followers()
        return written(delivery)

    def look_while_another_looks(one: Follow) -> Any:
        found = look(one)
        monkeypatch.setattr(following, "arrivals_of", look)
        following._look(Follow.objects.get(pk=one.pk))
        return found

    monkeypatch.setattr(following, "_written", write_while_another_works)
    monkeypatch.setattr(following, "arrivals_of", look_while_another_looks)
    work()
    assert (len(sink.raw), Delivery.objects.count()) == (1, 1)


def test_the_reader_sees_which_mail_may_be_lost(due: Follow, reader: User, client: Client) -> None:
    long_ago = timezone.now() - timedelta(hours=2)
    Delivery.objects.create(follow=due, number=1, made_at=long_ago, begun_at=long_ago)
    client.force_login(reader)
    assert "may not have reached you" in client.get("/mail/following/").content.decode()
