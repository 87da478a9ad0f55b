"""Messages and threads in Wagtail's API v2."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path, resolve
from wagtail import urls as wagtail_urls
from wagtail.api.v2.router import WagtailAPIRouter
from wagtail.api.v2.views import PagesAPIViewSet
from wagtail.models import PageViewRestriction

from tests import factories
from tests.reading import mail
from wagtail_mailarchive.archive import thread_decisions
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, FormerThread, Thread
from wagtail_mailarchive.reading.api import MailMessagesAPIViewSet, MailThreadsAPIViewSet

router = WagtailAPIRouter("wagtailapi")
router.register_endpoint("pages", PagesAPIViewSet)
router.register_endpoint("mail_messages", MailMessagesAPIViewSet)
router.register_endpoint("mail_threads", MailThreadsAPIViewSet)
urlpatterns = [
    path("api/v2/", router.urls),
    path("mail/", include("wagtail_mailarchive.urls")),
    path("", include(wagtail_urls)),
]

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 1, 10, 12, tzinfo=UTC)
MESSAGES, THREADS = "/api/v2/mail_messages/", "/api/v2/mail_threads/"


@pytest.fixture(autouse=True)
def addresses() -> Any:
    with override_settings(ROOT_URLCONF=__name__):
        yield


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


def get(client: Client, address: str, **query: str | int) -> Any:
    response = client.get(address, query)
    assert response.status_code == 200, response.content
    assert "private" in response["Cache-Control"]
    return response.json()


def downloaded(client: Client, address: str) -> bytes:
    response: Any = client.get(address)
    return b"".join(response.streaming_content)


def hide(message: EmailMessagePage) -> None:
    kind = PageViewRestriction.LOGIN
    PageViewRestriction.objects.create(page=message.page_ptr, restriction_type=kind)


def test_a_folders_messages_are_paged_newest_first(client: Client, folder: EmailFolderPage) -> None:
    factories.archive(folder, *mail.series(5, BEGIN, timedelta(days=20)))
    page = get(client, MESSAGES, folder=folder.pk, limit=2)
    assert [each["subject"] for each in page["items"]] == ["Number 4", "Number 3"]
    following = get(client, page["meta"]["next"])
    assert [each["subject"] for each in following["items"]] == ["Number 2", "Number 1"]
    last = get(client, following["meta"]["next"])
    assert ([each["subject"] for each in last["items"]], last["meta"]["next"]) == (
        ["Number 0"],
        None,
    )
    some = get(client, MESSAGES, folder=folder.pk, after="2026-01-30", before="2026-02-20")
    assert [each["subject"] for each in some["items"]] == ["Number 2", "Number 1"]


def test_a_message_tells_all_that_its_page_tells(client: Client, folder: EmailFolderPage) -> None:
    raw = mail.attached("a.pdf", b"%PDF")
    [message] = factories.archive(folder, raw)
    [listed] = get(client, MESSAGES, folder=folder.pk)["items"]
    assert listed["sender"] == {"name": "Ada", "address": "ada@example.org"}
    assert listed["meta"]["html_url"].endswith(message.url)
    told = get(client, listed["meta"]["detail_url"])
    assert told["text"] == "See attachment"
    assert told["from"] == [{"name": "Ada", "address": "ada@example.org"}]
    [attachment] = told["attachments"]
    assert (attachment["name"], attachment["size"]) == ("a.pdf", 4)
    assert downloaded(client, attachment["url"]) == b"%PDF"
    assert downloaded(client, told["original_url"]) == raw


def test_threads_and_their_messages(client: Client, folder: EmailFolderPage) -> None:
    first = factories.raw("plan", Message_ID="<a@x>", From="Bo <bo@example.org>")
    factories.archive(folder, first, factories.raw("re", In_Reply_To="<a@x>"), factories.raw("b"))
    found = get(client, THREADS, folder=folder.pk)["items"]
    assert sorted((each["subject"], each["message_count"]) for each in found) == [
        ("b", 1),
        ("plan", 2),
    ]
    [plan] = [each for each in found if each["subject"] == "plan"]
    assert get(client, plan["meta"]["detail_url"]) == plan
    assert {"name": "Bo", "address": "bo@example.org"} in plan["participants"]
    inside = get(client, MESSAGES, thread=plan["id"])["items"]
    assert {each["subject"] for each in inside} == {"plan", "re"}
    assert client.get(plan["meta"]["html_url"]).status_code == 200


def test_nothing_is_told_that_the_reader_may_not_see(
    client: Client, folder: EmailFolderPage
) -> None:
    first = factories.raw("secret", Message_ID="<a@x>", From="Bo <bo@example.org>")
    hidden, answer = factories.archive(folder, first, factories.raw("re", In_Reply_To="<a@x>"))
    private = factories.folder(privacy="groups")
    [inside] = factories.archive(private, factories.raw("private"))
    hide(hidden)
    [thread] = get(client, THREADS, folder=folder.pk)["items"]
    assert (thread["subject"], thread["message_count"]) == ("re", 1)
    assert [each["name"] for each in thread["participants"]] == ["Ada Lovelace"]
    [listed] = get(client, MESSAGES, thread=thread["id"])["items"]
    assert listed["id"] == answer.pk
    for address in (
        f"{MESSAGES}{hidden.pk}/",
        f"{MESSAGES}{inside.pk}/",
        f"{THREADS}{inside.thread_id}/",
        f"{MESSAGES}?folder={private.pk}",
        f"{MESSAGES}?thread={inside.thread_id}",
        f"{THREADS}?folder={private.pk}",
    ):
        assert client.get(address).status_code == 404, address
    client.force_login(factories.user())
    assert get(client, f"{MESSAGES}{hidden.pk}/")["subject"] == "secret"


@pytest.mark.parametrize(
    "query",
    ["", "?folder=x", "?folder=1&thread=1", "?order=size", "?fields=original", "?search=x"]
    + [f"?folder={{}}&{each}" for each in ("limit=0", "limit=1e3", "cursor=x", "after=2026")],
)
def test_what_cannot_be_asked_is_said(client: Client, folder: EmailFolderPage, query: str) -> None:
    response = client.get(MESSAGES + query.format(folder.pk))
    assert response.status_code == 400
    assert response.json()["message"]


@pytest.mark.parametrize("address", [MESSAGES, THREADS])
def test_the_calendar_has_ends(client: Client, folder: EmailFolderPage, address: str) -> None:
    factories.archive(folder, factories.raw())
    with override_settings(TIME_ZONE="Europe/Berlin"):
        for given, number in (
            ({"after": "0001-01-01", "before": "9999-12-31"}, 1),
            ({"before": "0001-01-01"}, 0),
            ({"after": "9999-12-31"}, 0),
        ):
            found = get(client, address, folder=folder.pk, **given)["items"]
            assert len(found) == number, given


@pytest.mark.parametrize("key", [2**63 - 1, 2**63, 10**30])
def test_what_no_database_can_hold_is_not_there(client: Client, key: int) -> None:
    for address in (MESSAGES, THREADS):
        assert client.get(f"{address}{key}/").status_code == 404


def test_a_thread_that_went_into_another_is_found_there(
    client: Client, folder: EmailFolderPage
) -> None:
    pages = factories.archive(folder, factories.raw("one"), factories.raw("other"))
    keys = [page.thread_id for page in pages]
    one, other = (Thread.objects.get(pk=key) for key in keys)
    kept = thread_decisions.merge(one, other, factories.superuser()).message.thread_id
    for key in keys:
        found = get(client, f"{THREADS}{key}/")
        assert (found["id"], found["message_count"]) == (kept, 2)
        assert len(get(client, MESSAGES, thread=key)["items"]) == 2
    private = factories.folder(privacy="groups")
    former = FormerThread.objects.filter(pk__in=keys)
    former.update(message=factories.archive(private, factories.raw())[0])
    [gone] = {*keys} - {kept}
    assert client.get(f"{THREADS}{gone}/").status_code == 404


def test_it_is_read_only(client: Client, folder: EmailFolderPage) -> None:
    for address in (MESSAGES, THREADS):
        for method in (client.post, client.put, client.patch, client.delete):
            assert method(address).status_code == 405


@pytest.mark.parametrize("address", [MESSAGES, THREADS])
def test_queries_do_not_grow_with_the_list(
    client: Client, folder: EmailFolderPage, address: str
) -> None:
    counts = []
    for _ in range(2):
        factories.archive(folder, *mail.series(12, BEGIN))
        with CaptureQueriesContext(connection) as captured:
            get(client, address, folder=folder.pk)
        counts.append(len(captured))
    assert counts[0] >= counts[1]


def test_the_example_site_has_what_the_documentation_says() -> None:
    root = Path(__file__).parents[2]
    shown = (root / "docs" / "how-to" / "api.md").read_text()
    _, kept = (root / "example_project" / "api.py").read_text().split('"""\n\n', 1)
    assert f"# api.py of the site\n{kept}```" in shown
    for address, endpoint in ((MESSAGES, MailMessagesAPIViewSet), (THREADS, MailThreadsAPIViewSet)):
        view: Any = resolve(address, "example_project.urls").func
        assert view.cls is endpoint
