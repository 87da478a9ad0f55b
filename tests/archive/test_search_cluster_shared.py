"""The suite of all backends once more, answered by a cluster that is told before it is asked."""

from __future__ import annotations

import pytest

from tests.archive.test_search import (  # noqa: F401
    folder,
    test_mail_that_names_another_folder_is_not_found_there,
    test_no_word_is_an_operator,
    test_parts_of_words_and_missing_words_find_nothing,
    test_the_word_of_the_folder_itself_finds_nothing,
    test_what_holds_no_word_does_not_find_the_whole_folder,
    test_words_are_found_however_they_are_joined,
)
from tests.archive.test_search_operators import (  # noqa: F401
    archived,
    names,
    test_a_word_in_the_subject_is_worth_more,
    test_common_and_rare_words_are_paged_by_key_in_both_orders,
    test_facts_tell_what_is_counted,
    test_hidden_messages_are_neither_found_nor_counted,
    test_mail_cannot_pretend_to_be_marked,
    test_operators,
    test_several_folders_and_no_other_are_searched,
    test_text_inside_attachments_is_found_once_it_is_set,
)
from tests.servers.cluster import SearchServer
from wagtail_mailarchive.archive import search
from wagtail_mailarchive.archive.search.cluster import feed
from wagtail_mailarchive.archive.search.cluster.backend import ClusterBackend
from wagtail_mailarchive.archive.search.cluster.building import rebuild_cluster
from wagtail_mailarchive.archive.search.cluster.client import Cluster

pytestmark = pytest.mark.django_db


class _Told(ClusterBackend):
    def __init__(self, cluster: Cluster) -> None:
        while changes := feed.noted(1_000):
            feed.tell_changes(changes)
            feed.forget(changes)
        super().__init__(cluster)


@pytest.fixture(autouse=True)
def cluster(db: None, search_server: SearchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    rebuild_cluster("elastic", "simple")
    monkeypatch.setattr(search, "ClusterBackend", _Told)


def test_it_is_the_cluster_that_answers() -> None:
    assert isinstance(search.backend(), ClusterBackend)
