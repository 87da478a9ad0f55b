"""The tree stays whole when it is moved while mail arrives."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection, connections
from wagtail.models import Page

from tests import factories
from wagtail_mailarchive.archive import originals, tree
from wagtail_mailarchive.archive.writer import Incoming, Writer
from wagtail_mailarchive.mime.message import ParsedMessage
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, Mailbox, Outcome

needs_postgresql = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite lets one transaction write at a time"
)


@contextmanager
def arriving(folder: EmailFolderPage, *subjects: str) -> Iterator[None]:
    """Write messages in another connection, and commit when somebody waits for the folder."""
    written, finish = threading.Event(), threading.Event()

    def also(outcomes: Counter[Outcome], size: int) -> None:
        written.set()
        assert finish.wait(10)

    def write() -> None:
        try:
            writer = Writer(mailbox, 1, fence=lambda: None, also=also)
            writer.write(
                [
                    Incoming(
                        uid, None, originals.prepare([subject.encode()]), ParsedMessage(subject)
                    )
                    for uid, subject in enumerate(subjects, 1)
                ]
            )
        finally:
            connections.close_all()

    def finish_when_waited_for() -> None:
        try:
            with connection.cursor() as cursor:
                for _ in range(200):
                    cursor.execute(
                        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                        " AND wait_event_type = 'Lock'"
                    )
                    if cursor.fetchone()[0]:
                        return
                    threading.Event().wait(0.02)
            raise AssertionError("nobody waited for the writer: the test shows nothing")
        finally:
            finish.set()
            connections.close_all()

    mailbox = Mailbox.objects.create(folder=folder, name="INBOX")
    with ThreadPoolExecutor() as threads:
        writing = threads.submit(write)
        assert written.wait(10)
        watching = threads.submit(finish_when_waited_for)
        yield
        watching.result(20)
        writing.result(20)


def assert_whole(folder: EmailFolderPage, messages: int) -> None:
    folder = EmailFolderPage.objects.get(pk=folder.pk)
    assert not any(Page.find_problems())
    children = list(folder.get_children())
    assert len(children) == folder.numchild == messages
    assert {child.pk for child in children} == set(
        EmailMessagePage.objects.filter(folder=folder).values_list("pk", flat=True)
    )
    for child in children:
        assert child.url_path == f"{folder.url_path}{child.slug}/"
        assert child.depth == folder.depth + 1


@needs_postgresql
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
@pytest.mark.parametrize("moved", ["folder", "workspace"])
def test_mail_that_arrives_during_a_move_goes_along(moved: str) -> None:
    source, target = factories.workspace(), factories.workspace()
    folder = factories.folder(source)
    factories.archive(folder, factories.raw(), factories.raw())
    page: Page = folder if moved == "folder" else source
    with arriving(folder, "one", "two"):
        Page.objects.get(pk=page.pk).move(Page.objects.get(pk=target.pk), pos="last-child")
    assert_whole(folder, 4)


@needs_postgresql
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_mail_that_arrives_while_room_is_made_for_a_sibling_goes_along() -> None:
    first, _, third = factories.workspace(), factories.workspace(), factories.workspace()
    folder = factories.folder(first)
    factories.archive(folder, factories.raw())
    with arriving(folder, "one"):
        Page.objects.get(pk=third.pk).move(Page.objects.get(pk=first.pk), pos="left")
    assert_whole(folder, 2)


@needs_postgresql
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_mail_that_arrives_during_a_change_of_slug_gets_the_new_address() -> None:
    workspace = factories.workspace()
    folder = factories.folder(workspace)
    factories.archive(folder, factories.raw())
    with arriving(folder, "one"):
        workspace.slug = "renamed"
        workspace.save()
    assert "/renamed/" in EmailFolderPage.objects.get(pk=folder.pk).url_path
    assert_whole(folder, 2)


@pytest.mark.django_db
@pytest.mark.parametrize("already_there", [0, 3])
def test_messages_left_behind_come_last_where_their_folder_is(already_there: int) -> None:
    """As the race leaves them, on any database."""
    folder, target = factories.folder(), factories.workspace()
    left = factories.archive(folder, *[factories.raw() for _ in range(3)])
    old = list(Page.objects.filter(pk__in=[page.pk for page in left]).order_by("path"))
    Page.objects.get(pk=folder.pk).move(target, pos="last-child")
    for page in old:
        # Their old places, below a folder that is gone.
        Page.objects.filter(pk=page.pk).update(path=page.path, url_path=page.url_path)
    # Written after the move, these take the steps that the others had.
    there = factories.archive(folder, *[factories.raw() for _ in range(already_there)])
    tree.rejoin(folder.pk)
    assert_whole(folder, 3 + already_there)
    children = EmailFolderPage.objects.get(pk=folder.pk).get_children()
    assert [page.pk for page in children] == [page.pk for page in (*there, *left)]


@pytest.mark.django_db
def test_a_folder_that_is_whole_is_left_as_it_is() -> None:
    folder = factories.folder()
    factories.archive(folder, factories.raw(), factories.raw())
    before = list(Page.objects.order_by("pk").values())
    tree.rejoin(folder.pk)
    assert list(Page.objects.order_by("pk").values()) == before
