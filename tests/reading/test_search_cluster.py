"""Pages of hits where a cluster answers: what readers are told when it lags, or is away."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from django.test import Client
from django.urls import reverse
from wagtail.models import PageViewRestriction

from tests import factories
from tests.reading.test_search_page import ALL, subjects
from tests.servers.cluster import Fault, SearchServer
from wagtail_mailarchive.archive.search.cluster import feed
from wagtail_mailarchive.archive.search.cluster.building import rebuild_cluster
from wagtail_mailarchive.fetching import search_feed, upkeep_requests
from wagtail_mailarchive.fetching.upkeep import work_on
from wagtail_mailarchive.fetching.upkeep_progress import progress
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    MessageText,
    SearchChange,
    UpkeepKind,
    UpkeepRun,
    UpkeepStatus,
)

pytestmark = pytest.mark.django_db
TOLD = "Searching does not work at the moment."


@pytest.fixture
def folder(db: None, search_server: SearchServer) -> EmailFolderPage:
    page = factories.folder()
    people = ("Ada <ada@example.org>", "Bob <bob@mail.test>", "Eve <eve@mail.test>")
    factories.archive(page, *(factories.raw("needle", From=each) for each in people))
    rebuild_cluster("elastic", "simple")
    return page


@pytest.mark.parametrize("order", ["", "relevance"])
def test_what_is_erased_or_hidden_is_told_of_nowhere_although_the_cluster_holds_it(
    client: Client, folder: EmailFolderPage, search_server: SearchServer, order: str
) -> None:
    erased, hidden, _open = EmailMessagePage.objects.order_by("pk")
    MessageText.objects.filter(message=erased).delete()
    PageViewRestriction.objects.create(page=hidden.page_ptr, restriction_type="login")
    assert len(search_server.held()) == 3
    for address in (ALL, folder.url):
        response = client.get(address, {"q": "needle", "order": order})
        assert len(subjects(response)) == 1
        assert response.context["counts"].total == "1"
        shown = response.content.decode()
        assert "ada@example.org" not in shown
        assert "bob@mail.test" not in shown
        assert "Eve" in shown
    for address in (f"{folder.url}feed/", reverse("wagtail_mailarchive:search_feed")):
        feed_of_it = client.get(address, {"q": "needle"})
        assert feed_of_it.status_code == 200
        assert feed_of_it.content.count(b"<entry>") == 1


def test_a_cluster_that_is_away_is_a_sentence_and_not_an_error(
    client: Client, folder: EmailFolderPage, search_server: SearchServer
) -> None:
    places = [ALL, folder.url, f"{folder.url}feed/", reverse("wagtail_mailarchive:search_feed")]
    for place in places:
        search_server.instead += [("_search", Fault(503))] * 2
        response = client.get(place, {"q": "needle"})
        assert (response.status_code, response["Retry-After"]) == (503, "60")
        assert TOLD in response.content.decode()
        assert "No message holds" not in response.content.decode()
        search_server.instead.clear()
        assert client.get(place, {"q": "needle"}).status_code == 200
    # What is not looked for in it goes on.
    search_server.instead += [("", Fault(503))] * 4
    assert client.get(folder.url).status_code == 200


def test_who_lists_messages_in_the_admin_is_told_too(
    folder: EmailFolderPage, search_server: SearchServer
) -> None:
    boss = Client()
    boss.force_login(factories.superuser())
    search_server.instead += [("_search", Fault(503))] * 10
    address = reverse("wagtailadmin_explore", args=[folder.pk])
    response = boss.get(address, {"q": "needle"})
    assert response.status_code == 200
    assert TOLD in response.content.decode()
    # What has just come is looked for in the database, which knows of it.
    found = boss.get(reverse("mailarchive_whereabouts"), {"q": "Subject: needle"})
    assert len(found.context["found"]) == 3


# -- the task that tells it --------------------------------------------------------------------


def requested() -> UpkeepRun:
    search_feed.request()
    return UpkeepRun.objects.get(kind=UpkeepKind.CLUSTER)


def test_a_cluster_that_is_away_stops_no_mail_and_is_told_when_it_is_back(
    client: Client, folder: EmailFolderPage, search_server: SearchServer
) -> None:
    search_server.instead += [("", Fault(503))] * 20
    factories.archive(folder, factories.raw("needle"))
    run = requested()
    work_on(run.pk)
    run.refresh_from_db()
    assert (run.status, run.error_code) == (UpkeepStatus.FAILED, "SearchClusterAway")
    assert "“elastic” does not answer" in progress([run])[0]["sentence"]
    search_server.instead.clear()
    again = requested()
    assert again.pk != run.pk
    work_on(again.pk)
    again.refresh_from_db()
    assert (again.status, again.done, again.total) == (UpkeepStatus.DONE, 1, 1)
    assert progress([again])[0]["sentence"] == "Done: 1 change told."
    assert len(subjects(client.get(ALL, {"q": "needle"}))) == 4


def test_a_worker_that_dies_leaves_what_it_has_not_told(folder: EmailFolderPage) -> None:
    factories.archive(folder, factories.raw("needle"), factories.raw("needle"))
    run = requested()

    tell_changes = feed.tell_changes

    def die(changes: Sequence[SearchChange]) -> int:
        tell_changes(changes)
        raise SystemExit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "tell_changes", die)
        with pytest.raises(SystemExit):
            work_on(run.pk)
    assert len(feed.noted(10)) == 2
    assert requested() == run
    work_on(run.pk)
    run.refresh_from_db()
    assert (run.status, run.done) == (UpkeepStatus.DONE, 2)
    assert not feed.is_waiting()


def test_nothing_is_requested_where_there_is_nothing_to_tell(folder: EmailFolderPage) -> None:
    search_feed.request()
    assert not UpkeepRun.objects.exists()


def test_who_stops_it_is_left_in_peace_for_an_hour(folder: EmailFolderPage) -> None:
    factories.archive(folder, factories.raw("needle"))
    run = requested()
    upkeep_requests.stop(run)
    search_feed.request()
    assert UpkeepRun.objects.get() == run
