"""A folder's attachments: by kind, sender and month, page by page, and only what one may read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from wagtail.models import PageViewRestriction

from tests import factories
from tests.reading import mail
from wagtail_mailarchive.models import AttachmentContent, EmailFolderPage
from wagtail_mailarchive.reading import attachment_listing
from wagtail_mailarchive.reading.attachment_listing import Choice
from wagtail_mailarchive.reading.hidden import hidden_messages

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


def archive(
    folder: EmailFolderPage,
    *names: str,
    sender: str = "Ada <ada@example.org>",
    begin: datetime = BEGIN,
    content_type: str = "application/octet-stream",
) -> list[Any]:
    """Archive a message for each of `names`, an hour apart; the last is the newest."""
    raws = []
    for number, name in enumerate(names):
        raw = mail.attached(name, name.encode(), content_type)
        moment = begin + timedelta(hours=number)
        raw = raw.replace(b"Thu, 05 Mar 2026 14:30:00 +0100", f"{moment:%a, %d %b %Y %T}".encode())
        raws.append(raw.replace(b"Ada <ada@example.org>", sender.encode()))
    return factories.archive(folder, *raws)


def get(folder: EmailFolderPage, query: str = "", client: Client | None = None) -> Any:
    return (client or Client()).get(f"{folder.url}attachments/{query}")


def names(response: Any) -> list[str]:
    assert response.status_code == 200
    return [row.name for row, *_ in response.context["rows"]]


def test_attachments_are_listed_newest_first_with_picture_message_and_download(
    folder: EmailFolderPage,
) -> None:
    first, second = archive(folder, "old.pdf", "new.jpg")
    AttachmentContent.objects.filter(sha256=second.attachments.get().sha256).update(
        picture=b"x", width=320, height=200
    )
    response = get(folder)
    assert names(response) == ["new.jpg", "old.pdf"]
    shown = response.content.decode()
    assert f'<img src="{second.url}attachment/0/picture/" width="320" height="200"' in shown
    assert 'loading="lazy"' in shown
    assert f'href="{first.url}attachment/0/"' in shown
    assert f'href="{first.url}"' in shown
    assert names(get(folder, "?view=list")) == ["new.jpg", "old.pdf"]


def test_kind_sender_and_month_narrow_it_down_together(folder: EmailFolderPage) -> None:
    archive(folder, "a.pdf", "b.jpg")
    archive(folder, "c.pdf", sender="Bob <BOB@example.org>")
    archive(folder, "d.pdf", begin=BEGIN + timedelta(days=40))
    assert names(get(folder, "?kind=pdf")) == ["d.pdf", "c.pdf", "a.pdf"]
    assert names(get(folder, "?from=bob@Example.org")) == ["c.pdf"]
    assert names(get(folder, "?month=2026-04")) == ["d.pdf"]
    assert names(get(folder, "?month=2026-03&kind=pdf&from=ada@example.org")) == ["a.pdf"]
    response = get(folder, "?kind=audio")
    assert names(response) == []
    assert "No attachment is of this kind" in response.content.decode()


def test_images_in_the_text_are_a_list_of_their_own(folder: EmailFolderPage) -> None:
    factories.archive(folder, mail.html())
    assert names(get(folder)) == ["tabelle – März.csv"]
    assert names(get(folder, "?kind=image")) == []
    assert names(get(folder, "?kind=inline")) == ["attachment-1.png"]


def test_pages_lead_to_everything_once_and_back(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachment_listing, "PAGE_SIZE", 2)
    # Two of one moment, which a cursor has to tell apart.
    archive(folder, "a.pdf", "b.pdf", "c.pdf")
    archive(folder, "d.pdf", "e.pdf")
    response = get(folder, "?kind=pdf")
    seen = [names(response)]
    while older := response.context["older_address"]:
        assert "kind=pdf" in older
        response = Client().get(older)
        seen.append(names(response))
    assert sorted(name for page in seen for name in page) == [
        "a.pdf",
        "b.pdf",
        "c.pdf",
        "d.pdf",
        "e.pdf",
    ]
    back = []
    while newer := response.context["newer_address"]:
        response = Client().get(newer)
        back.append(names(response))
    assert back[::-1] == seen[: len(back)]


def test_nothing_of_hidden_messages_is_shown_counted_or_offered(folder: EmailFolderPage) -> None:
    archive(folder, "open.pdf")
    (private,) = archive(folder, "private.jpg", sender="Eve <eve@example.org>")
    (gone,) = archive(folder, "gone.zip", sender="Mallory <m@example.org>")
    PageViewRestriction.objects.create(page=private.page_ptr, restriction_type="login")
    gone.live = False
    gone.save()
    for query in ("", "?view=list", "?kind=image", "?kind=archive", "?from=eve@example.org"):
        response = get(folder, query)
        assert set(names(response)) <= {"open.pdf"}
        shown = re.sub(r"<input[^>]*>", "", response.content.decode())
        assert not re.search("private|eve@|gone|Mallory", shown)
    reader = Client()
    reader.force_login(factories.user())
    assert names(get(folder, client=reader)) == ["private.jpg", "open.pdf"]


def test_a_private_folder_has_a_private_gallery(folder: EmailFolderPage) -> None:
    archive(folder, "a.pdf")
    PageViewRestriction.objects.create(page=folder.page_ptr, restriction_type="login")
    assert get(folder).status_code == 302


@pytest.mark.parametrize(
    "query",
    [
        "?kind=nonsense",
        "?view=nonsense",
        "?month=2026-13",
        "?month=x",
        "?before=x",
        "?after=1",
    ],
)
def test_addresses_that_are_none_of_ours_are_not_found(folder: EmailFolderPage, query: str) -> None:
    assert get(folder, query).status_code == 404


def test_a_sender_may_be_anything(folder: EmailFolderPage) -> None:
    archive(folder, "a.pdf")
    for sender in ("%00", "'%22--", "x" * 5000, "%F0%9F%98%80"):
        assert get(folder, f"?from={sender}").status_code == 200


def test_the_number_of_queries_is_constant(folder: EmailFolderPage) -> None:
    def queries(query: str = "") -> int:
        with CaptureQueriesContext(connection) as captured:
            get(folder, query)
        return len(captured)

    archive(folder, "a.pdf")
    get(folder)
    few = queries()
    archive(folder, *(f"{n}.jpg" for n in range(30)))
    assert queries() == few == 12
    assert queries("?kind=image&from=ada@example.org&view=list") == few


@pytest.mark.parametrize(
    ("choice", "index"),
    [
        (Choice(), "mailarchive_attached"),
        (Choice(kind="pdf"), "mailarchive_attached_kind"),
        (Choice(sender="ada@example.org"), "mailarchive_attached_by"),
        (Choice(kind="inline"), "mailarchive_inline"),
    ],
)
def test_every_list_has_an_index_that_serves_its_order(
    folder: EmailFolderPage, choice: Choice, index: str
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL plans by what a table holds")
    (page,) = archive(folder, "a.pdf")
    PageViewRestriction.objects.create(page=page.page_ptr, restriction_type="login")
    hidden = hidden_messages(folder.pk, Client().get(folder.url).wsgi_request)
    chosen = attachment_listing._chosen(folder, hidden, choice)
    plan = chosen.order_by("-sorted_at", "-pk")[:50].explain()
    assert index in plan.split()
    assert "TEMP B-TREE" not in plan
