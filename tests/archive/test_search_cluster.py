"""Search by Elasticsearch or OpenSearch: told late, asked with bounds, and away at times.

`tests.servers.cluster` plays the server; the clients are the real ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.core.checks import CheckMessage
from django.core.management import CommandError, call_command

from tests import factories
from tests.servers.cluster import Fault, Json, SearchServer
from wagtail_mailarchive.archive import removal, search
from wagtail_mailarchive.archive.search import Question, find, parse
from wagtail_mailarchive.archive.search.cluster import asking, backend, building, feed, index
from wagtail_mailarchive.archive.search.cluster.building import rebuild_cluster
from wagtail_mailarchive.archive.search.cluster.client import connect
from wagtail_mailarchive.archive.search.contents import set_attachment_text
from wagtail_mailarchive.checks.search import check_search_backend, check_search_cluster
from wagtail_mailarchive.exceptions import (
    SearchClusterAway,
    SearchIndexMissing,
    SearchNotConfigured,
    SearchRefused,
    SearchUnavailable,
)
from wagtail_mailarchive.models import EmailFolderPage, MessageText, SearchChange, SearchCluster

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    page = factories.folder()
    for day in (1, 2, 3):
        date = f"Thu, 0{day} Jan 2026 10:00:00 +0000"
        factories.archive(page, factories.raw(f"Report {day}", "needle\n", Date=date))
    return page


@pytest.fixture
def cluster(folder: EmailFolderPage, search_server: SearchServer) -> SearchServer:
    """A server that holds the three messages of `folder`."""
    rebuild_cluster("elastic", "simple")
    return search_server


def tell() -> int:
    changes = feed.noted(1_000)
    refused = feed.tell_changes(changes)
    feed.forget(changes)
    return refused


def hits(folder: EmailFolderPage, words: str = "needle") -> int:
    return len(find(folder.pk, words, limit=100))


def searches(server: SearchServer) -> list[Json]:
    return [json.loads(body) for _method, path, body in server.asked if "_search" in path]


# -- what is asked -----------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["elasticsearch9", "elasticsearch8", "opensearch3"])
def test_either_client_will_do(
    folder: EmailFolderPage,
    search_server: SearchServer,
    use_cluster: Callable[..., None],
    client: str,
) -> None:
    settings = {"settings": {"number_of_shards": 2}}
    use_cluster(search_server.url, client, INDEX_PREFIX="site_", INDEX_SETTINGS=settings)
    rebuild_cluster("elastic", "simple")
    rebuild_cluster("elastic", "simple")
    [name] = search_server.indexes
    assert search_server.aliases == {"site_wagtail_mailarchive": name}
    assert search_server.indexes[name].definition["settings"]["number_of_shards"] == 2
    assert hits(folder) == 3
    MessageText.objects.first().delete()  # type: ignore[union-attr]
    assert hits(folder) == 3
    tell()
    assert hits(folder) == 2
    question = Question.of(parse("needle"), [folder.pk])
    assert len(search.backend().by_relevance(question, after=None, limit=5)) == 2
    search_server.clear()
    with pytest.raises(SearchIndexMissing):
        hits(folder)
    feed.stop()


def test_folders_and_hidden_messages_are_part_of_every_question(
    folder: EmailFolderPage, cluster: SearchServer
) -> None:
    question = Question.of(parse("-x OR needle"), [folder.pk], is_everywhere=True, hidden=[7])
    engine = search.backend()
    engine.by_date(question, before=None, limit=5)
    engine.by_relevance(question, after=None, limit=5)
    engine.facts(question, limit=5)
    for asked in searches(cluster):
        bounds = asked["query"]["bool"]
        assert bounds["filter"][0] == {"terms": {"folder": [folder.pk]}}
        assert bounds["must_not"] == [{"terms": {"message": [7]}}]
    assert len(searches(cluster)) == 3
    assert len(engine.facts(replace(question, folder_ids=[]), limit=5)) == 0


def test_long_lists_are_asked_for_in_parts(folder: EmailFolderPage, cluster: SearchServer) -> None:
    [newest] = find(folder.pk, "needle", limit=1)
    hidden = [*range(-70_000, 0), MessageText.objects.get(pk=newest).message_id]
    many = [*range(-70_000, 0), folder.pk]
    question = Question.of(parse("needle"), many, hidden=hidden)
    assert len(search.backend().by_date(question, before=None, limit=5)) == 2


def test_the_deepest_question_there_is_is_taken(
    folder: EmailFolderPage, cluster: SearchServer
) -> None:
    deep = "(a OR -(b c " * 8 + "needle" + "))" * 8
    for text in (deep, "-(" * 20 + "x" + ")" * 20, "word " * 60, 'from:"' + "a " * 240 + '"'):
        question = Question.of(parse(text), [folder.pk])
        search.backend().by_date(question, before=None, limit=5)


def test_pages_go_by_key_however_many_are_wanted(
    folder: EmailFolderPage, cluster: SearchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "_PAGE", 2)
    question = Question.of(parse("needle OR larger:1"), [folder.pk])
    found = search.backend().by_date(question, before=None, limit=20_000)
    assert found == sorted(found, reverse=True)
    assert len(found) == len(set(found)) == 3
    assert [each.get("search_after") for each in searches(cluster)] == [None, [found[1]]]
    best = search.backend().by_relevance(question, after=None, limit=2)
    rest = search.backend().by_relevance(question, after=best[-1], limit=2)
    assert {each.id for each in (*best, *rest)} == set(found)


def test_a_question_without_words_is_paged_by_relevance_too(
    folder: EmailFolderPage, cluster: SearchServer
) -> None:
    question = Question.of(parse("larger:1"), [folder.pk])
    best = search.backend().by_relevance(question, after=None, limit=2)
    assert [each.score for each in best] == [0.0, 0.0]
    [last] = search.backend().by_relevance(question, after=best[-1], limit=2)
    assert str(searches(cluster)[-1]["search_after"][0]) == "0.0"
    assert last.id < best[-1].id


# -- when it does not answer -------------------------------------------------------------------


def _without_hits(answer: Json) -> Json:
    return {**answer, "hits": {}}


def _timed_out(answer: Json) -> Json:
    return {**answer, "timed_out": True}


def _of_half_its_shards(answer: Json) -> Json:
    return {**answer, "_shards": {"total": 2, "successful": 1, "failed": 1}}


def _sorted_by(*values: Any) -> Callable[[Json], Json]:
    return lambda answer: {**answer, "hits": {"hits": [{"_id": "1", "sort": list(values)}]}}


@pytest.mark.parametrize("client", ["elasticsearch9", "opensearch3"])
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(503), SearchClusterAway),
        (Fault(429), SearchClusterAway),
        (Fault(500, b"<html>", "text/html"), SearchClusterAway),
        (Fault(401), SearchRefused),
        (Fault(400), SearchRefused),
        (Fault(404), SearchIndexMissing),
        (Fault(200, b'{"hits": {"hi'), SearchClusterAway),
        (Fault(200, b"<html>", "text/html"), SearchClusterAway),
        (Fault(200, b"[]"), SearchClusterAway),
        (Fault(200, b'{"hits": {"hits": []}', length=10_000), SearchClusterAway),
        (_without_hits, SearchClusterAway),
        (_timed_out, SearchClusterAway),
        (_of_half_its_shards, SearchClusterAway),
        (_sorted_by("x"), SearchClusterAway),
        (_sorted_by(1, 2), SearchClusterAway),
        (_sorted_by(True), SearchClusterAway),
        (_sorted_by(float("nan")), SearchClusterAway),
    ],
)
def test_what_is_no_answer_is_none(
    folder: EmailFolderPage,
    cluster: SearchServer,
    use_cluster: Callable[..., None],
    fault: Any,
    kind: type[Exception],
    client: str,
) -> None:
    use_cluster(cluster.url, client)
    # The client may ask once more.
    cluster.instead += [("_search", fault)] * 2
    with pytest.raises(kind):
        hits(folder)
    cluster.instead.clear()
    assert hits(folder) == 3


def test_nobody_waits_longer_than_the_site_says(
    folder: EmailFolderPage, cluster: SearchServer, use_cluster: Callable[..., None]
) -> None:
    use_cluster(cluster.url, TIMEOUT=0.1, OPTIONS={"max_retries": 0})
    cluster.instead.append(("_search", Fault(200, delay=1.0)))
    with pytest.raises(SearchClusterAway):
        hits(folder)


def test_a_cluster_that_is_gone_or_not_configured_says_so(
    folder: EmailFolderPage, cluster: SearchServer, use_cluster: Callable[..., None], settings: Any
) -> None:
    use_cluster("http://127.0.0.1:1")
    with pytest.raises(SearchClusterAway, match="“elastic” does not answer"):
        hits(folder)
    connect.cache_clear()
    settings.WAGTAILSEARCH_BACKENDS = {}
    with pytest.raises(SearchNotConfigured):
        hits(folder)


# -- what it is told ---------------------------------------------------------------------------


def test_nothing_is_noted_where_there_is_no_cluster(folder: EmailFolderPage) -> None:
    MessageText.objects.first().delete()  # type: ignore[union-attr]
    assert not feed.is_waiting()


def test_all_that_comes_changes_or_goes_is_told(
    folder: EmailFolderPage, cluster: SearchServer
) -> None:
    [page] = factories.archive(folder, factories.raw("Report 4", "needle\n"))
    assert hits(folder) == 3
    assert tell() == 0
    assert hits(folder) == 4
    set_attachment_text(page.pk, "A zeppelin")
    tell()
    assert hits(folder, "zeppelin") == 1
    MessageText.objects.filter(message=page).delete()
    tell()
    assert (hits(folder), hits(folder, "zeppelin")) == (3, 0)
    assert not SearchChange.objects.exists()


def test_who_is_late_undoes_nothing(folder: EmailFolderPage, cluster: SearchServer) -> None:
    text = MessageText.objects.latest("pk")
    set_attachment_text(text.message_id, "early")
    early = feed.noted(10)
    late = index.Told(text.pk, early[-1].pk, index.document(MessageText.objects.latest("pk")))
    set_attachment_text(text.message_id, "newer")
    tell()
    assert index.tell(connect("elastic"), ["wagtail_mailarchive"], [late]) == 0
    assert (hits(folder, "newer"), hits(folder, "early")) == (1, 0)
    text.delete()
    tell()
    index.tell(connect("elastic"), ["wagtail_mailarchive"], [late])
    assert hits(folder) == 2


def test_what_is_told_twice_is_told(folder: EmailFolderPage, cluster: SearchServer) -> None:
    factories.archive(folder, factories.raw("Report 4", "needle\n"))
    feed.tell_changes(feed.noted(10))
    assert feed.is_waiting()
    tell()
    assert hits(folder) == 4


def test_one_that_is_refused_does_not_stop_its_neighbours(
    folder: EmailFolderPage, cluster: SearchServer
) -> None:
    def refuse_one(answer: Json) -> Json:
        answer["items"][0] = {"index": {"status": 400, "error": {"type": "whatever"}}}
        return answer

    factories.archive(folder, *(factories.raw("Report", "needle\n") for _ in range(2)))
    cluster.instead.append(("_bulk", refuse_one))
    assert tell() == 1
    assert not feed.is_waiting()


@pytest.mark.parametrize(
    "result",
    [
        {"status": 429, "error": {"type": "es_rejected_execution_exception"}},
        {"status": 503, "error": {"type": "unavailable_shards_exception"}},
        {"status": 404, "error": {"type": "index_not_found_exception"}},
        {},
        None,
    ],
)
def test_what_the_cluster_did_not_take_is_kept(
    folder: EmailFolderPage, cluster: SearchServer, result: Any
) -> None:
    factories.archive(folder, factories.raw("Report 4", "needle\n"))
    items = [{"index": result}] if result is not None else []
    cluster.instead.append(("_bulk", lambda answer: {"items": items}))
    with pytest.raises(SearchUnavailable):
        feed.tell_changes(feed.noted(10))
    tell()
    assert hits(folder) == 4


def test_an_index_that_is_gone_is_not_made_by_the_way(
    folder: EmailFolderPage, cluster: SearchServer
) -> None:
    cluster.clear()
    factories.archive(folder, factories.raw())
    with pytest.raises(SearchIndexMissing):
        feed.tell_changes(feed.noted(10))
    assert not cluster.indexes


def test_large_texts_are_told_in_several_requests(
    folder: EmailFolderPage, cluster: SearchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_TOGETHER", 2_000)
    factories.archive(folder, *(factories.raw("Long", "needle " * 200) for _ in range(4)))
    cluster.asked.clear()
    tell()
    assert sum("_bulk" in path for _method, path, _body in cluster.asked) == 2
    assert hits(folder) == 7


# -- the index made anew -----------------------------------------------------------------------


def test_the_database_answers_until_there_is_an_index(
    folder: EmailFolderPage, search_server: SearchServer
) -> None:
    assert hits(folder) == 3
    assert [each.id for each in check_search_cluster(databases=["default"])] == [
        "wagtail_mailarchive.W033"
    ]
    seen: list[int] = []
    rebuild_cluster("elastic", "simple", progress=lambda done, total: seen.append(hits(folder)))
    assert seen == [3]
    assert searches(search_server) == []
    assert check_search_cluster(databases=["default"]) == []
    assert hits(folder) == 3
    assert len(searches(search_server)) == 1


def test_readers_search_on_while_mail_comes_and_goes(
    folder: EmailFolderPage, cluster: SearchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_BATCH", 1)
    [before] = cluster.indexes
    seen: list[int] = []

    def meanwhile(done: int, total: int) -> None:
        if not seen:
            # On both sides of where the rebuild is, and of what it has done already.
            for year in (2025, 2027):
                date = f"Thu, 01 Jan {year} 10:00:00 +0000"
                factories.archive(folder, factories.raw("Report", "needle\n", Date=date))
            MessageText.objects.order_by("pk")[1].delete()
            tell()
        seen.append(hits(folder))

    rebuild_cluster("elastic", "english", progress=meanwhile)
    assert set(seen) == {4}
    assert hits(folder) == hits(folder, "reporting") == 4
    assert before not in cluster.indexes
    assert set(cluster.held()) == set(MessageText.objects.values_list("pk", flat=True))


def test_who_is_stopped_goes_on_there_unless_told_otherwise(
    folder: EmailFolderPage, search_server: SearchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_BATCH", 1)

    def stop(done: int, total: int) -> None:
        raise SearchClusterAway(backend="elastic")

    def rebuilt(language: str, **options: Any) -> list[int]:
        with pytest.raises(SearchClusterAway):
            rebuild_cluster("elastic", "simple", progress=stop)
        begun: list[int] = []
        rebuild_cluster(
            "elastic", language, progress=lambda done, total: begun.append(done), **options
        )
        assert len(search_server.indexes) == 1
        assert len(search_server.held()) == 3
        return begun

    assert rebuilt("simple") == [2, 3]
    assert rebuilt("simple", restart=True) == [1, 2, 3]
    assert rebuilt("english") == [1, 2, 3]
    # What the cluster has lost begins anew, too.
    with pytest.raises(SearchClusterAway):
        rebuild_cluster("elastic", "simple", progress=stop)
    search_server.clear()
    rebuild_cluster("elastic", "simple")
    assert hits(folder) == 3


def test_the_command_makes_both_indexes(
    folder: EmailFolderPage, search_server: SearchServer
) -> None:
    out = StringIO()
    call_command("mailarchive_index", stdout=out)
    assert out.getvalue().count("3 of 3 messages (100 %)") == 2
    assert "The index of elastic is new: 3 messages." in out.getvalue()
    search_server.instead += [("_bulk", Fault(503))] * 2
    with pytest.raises(CommandError, match="does not answer"):
        call_command("mailarchive_index", stdout=out)
    assert hits(folder) == 3


def test_a_site_that_goes_back_leaves_nothing_in_the_cluster(
    folder: EmailFolderPage, cluster: SearchServer, settings: Any
) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "SEARCH_BACKEND": "database"}
    assert hits(folder) == 3
    assert searches(cluster) == []
    factories.archive(folder, factories.raw("Report 4", "needle\n"))
    feed.stop_unless_wanted()
    assert not cluster.indexes
    assert not SearchCluster.objects.exists()
    assert not feed.is_waiting()
    assert hits(folder) == 4


def test_taking_the_archive_out_takes_it_out_of_the_cluster(
    folder: EmailFolderPage, cluster: SearchServer
) -> None:
    removal.remove_everything()
    assert not cluster.indexes
    assert not SearchChange.objects.exists()


def test_a_cluster_that_is_away_does_not_keep_the_archive_in(
    folder: EmailFolderPage, cluster: SearchServer, use_cluster: Callable[..., None], caplog: Any
) -> None:
    use_cluster("http://127.0.0.1:1")
    feed.stop()
    assert "Delete every index named *wagtail_mailarchive_*" in caplog.text


# -- checks ------------------------------------------------------------------------------------


def ids(messages: list[CheckMessage]) -> list[str]:
    return [(each.id or "").removeprefix("wagtail_mailarchive.") for each in messages]


@pytest.mark.parametrize(
    ("alias", "backend", "code"),
    [
        ("database", "", ""),
        ("elastic", "wagtail.search.backends.elasticsearch9", ""),
        ("elastic", "wagtail.search.backends.opensearch3", ""),
        ("nowhere", "wagtail.search.backends.elasticsearch9", "E038"),
        ("elastic", "wagtail.search.backends.database", "E038"),
        ("elastic", "wagtail.search.backends.elasticsearch99", "E039"),
        (7, "wagtail.search.backends.elasticsearch9", "E038"),
        (["elastic"], "wagtail.search.backends.elasticsearch9", "E038"),
    ],
)
def test_a_backend_that_is_none_is_told_of(
    settings: Any, alias: Any, backend: str, code: str
) -> None:
    settings.WAGTAILSEARCH_BACKENDS = {"elastic": {"BACKEND": backend}}
    settings.WAGTAIL_MAILARCHIVE = {**settings.WAGTAIL_MAILARCHIVE, "SEARCH_BACKEND": alias}
    found = check_search_backend()
    assert ids(found) == ([code] if code else [])
    for message in found:
        assert message.hint is not None
        assert message.hint.endswith('WAGTAIL_MAILARCHIVE["SEARCH_BACKEND"] = "database"\n')


def test_all_columns_that_are_looked_through_are_told() -> None:
    asked = {each.partition("^")[0] for each in asking._COLUMNS[search.query.Field.ANYWHERE]}
    assert asked == {*index.TEXTS, "cjk"}
