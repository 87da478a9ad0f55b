"""The suite of all backends once more, answered by a cluster that is told before it is asked.

Cases that look at the same mail share it here: each message takes requests to the cluster, too.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from tests import factories
from tests.archive import test_search, test_search_operators
from tests.archive.test_search import (  # noqa: F401
    folder,
    test_the_word_of_the_folder_itself_finds_nothing,
)
from tests.archive.test_search_operators import (  # noqa: F401
    archived,
    names,
    test_a_word_in_the_subject_is_worth_more,
    test_common_and_rare_words_are_paged_by_key_in_both_orders,
    test_facts_tell_what_is_counted,
    test_hidden_messages_are_neither_found_nor_counted,
    test_mail_cannot_pretend_to_be_marked,
    test_several_folders_and_no_other_are_searched,
    test_text_inside_attachments_is_found_once_it_is_set,
)
from tests.servers.cluster import SearchServer
from wagtail_mailarchive.archive import search
from wagtail_mailarchive.archive.search import find
from wagtail_mailarchive.archive.search.cluster import feed
from wagtail_mailarchive.archive.search.cluster.backend import ClusterBackend
from wagtail_mailarchive.archive.search.cluster.building import rebuild_cluster
from wagtail_mailarchive.archive.search.cluster.client import Cluster
from wagtail_mailarchive.models import EmailFolderPage, MessageText

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


def cases(test: Any) -> list[Any]:
    """What a test of the suite is parametrized by."""
    return [*product(*(mark.args[1] for mark in test.pytestmark if mark.name == "parametrize"))]


def test_it_is_the_cluster_that_answers() -> None:
    assert isinstance(search.backend(), ClusterBackend)


def test_words(folder: EmailFolderPage) -> None:  # noqa: F811
    [message] = factories.archive(folder, factories.raw("Greeting", test_search.BODY))
    key = MessageText.objects.get(message=message).pk
    found = test_search.test_words_are_found_however_they_are_joined
    not_found = (
        test_search.test_parts_of_words_and_missing_words_find_nothing,
        test_search.test_what_holds_no_word_does_not_find_the_whole_folder,
        test_search.test_no_word_is_an_operator,
    )
    for [words] in cases(found):
        assert find(folder.pk, words, limit=10) == [key], words
    for test in not_found:
        for [words] in cases(test):
            assert find(folder.pk, words, limit=10) == [], words


def test_mail_that_names_another_folder_is_not_found_there(
    folder: EmailFolderPage,  # noqa: F811
) -> None:
    test = test_search.test_mail_that_names_another_folder_is_not_found_there
    for form, place in cases(test):
        test(folder, form, place)


def test_operators(names: Callable[[str], str]) -> None:  # noqa: F811
    for [(text, expected)] in cases(test_search_operators.test_operators):
        assert names(text) == expected, text
