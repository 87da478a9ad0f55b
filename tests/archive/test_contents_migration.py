"""Attachments that were archived before lists of them and their contents: filled in, and undone."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests import factories
from tests.reading import mail
from wagtail_mailarchive.models import Attachment, AttachmentContent, ContentState, UpkeepRun

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

APP = "wagtail_mailarchive"


def migrate(name: str | None = None) -> None:
    executor = MigrationExecutor(connection)
    leaves: list[Any] = [key for key in executor.loader.graph.leaf_nodes() if key[0] == APP]
    executor.migrate([(APP, name)] if name else leaves)


def rows() -> list[Any]:
    names = ("folder_id", "sorted_at", "sender_address", "kind", "is_inline", "sha256")
    return list(Attachment.objects.order_by("pk").values_list(*names))


def test_earlier_attachments_are_filled_in() -> None:
    folder = factories.folder()
    factories.archive(folder, mail.html(), mail.attached("a.pdf", b"%PDF"))
    factories.archive(factories.folder(), mail.attached("b.pdf", b"%PDF"))
    before = rows()
    UpkeepRun.objects.create(kind="contents")
    try:
        migrate("0018_searching")
    finally:
        migrate()
    assert rows() == before
    assert len(before) == 4
    waiting = AttachmentContent.objects.filter(state=ContentState.WAITING)
    assert set(waiting.values_list("sha256", flat=True)) == {row[-1] for row in before}
    assert not UpkeepRun.objects.exists()
