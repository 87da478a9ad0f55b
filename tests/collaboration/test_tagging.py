"""Tags: on messages and threads, many at once, found by search, counted as facets."""

from __future__ import annotations

from typing import Any
from unicodedata import normalize

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from wagtail.models import PageViewRestriction

from tests import factories
from wagtail_mailarchive.archive import tagging
from wagtail_mailarchive.archive.reprocessing import reprocess
from wagtail_mailarchive.archive.search import find
from wagtail_mailarchive.archive.search.filling import fill
from wagtail_mailarchive.archive.tagging import (
    MOST_AT_ONCE,
    add_tags,
    names_in,
    remove_tags,
    tags_of,
    tags_of_thread,
)
from wagtail_mailarchive.archive.trash import put, restore
from wagtail_mailarchive.mime.process import ParserProcess
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    FacetCount,
    FacetKind,
    MailTag,
    MessageText,
    TaggedMessage,
    Thread,
)
from wagtail_mailarchive.models.tag import MAX_TAG


def test_what_is_typed_becomes_tags() -> None:
    assert names_in(' Budget  2026, budget-2026, "To do", , !? ,東京') == [
        "Budget 2026",
        "To do",
        "東京",
    ]
    assert len(names_in("x" * 90)[0]) == MAX_TAG
    # Letters that stand for whole words are written out before they are counted.
    assert names_in("\ufdfa" * 50) == [normalize("NFKC", "\ufdfa" * 50)[:MAX_TAG].strip()]
    assert len(names_in(",".join(f"tag{number}" for number in range(99)))) == MOST_AT_ONCE


@pytest.mark.parametrize("comma", ",،，、﹐､")
def test_tags_are_parted_by_the_commas_of_all_scripts(comma: str) -> None:
    assert names_in(f"عاجل{comma}予算 {comma} one") == ["عاجل", "予算", "one"]


@pytest.fixture
def ada(db: None) -> User:
    return factories.user("ada")


@pytest.fixture
def mails(db: None) -> list[EmailMessagePage]:
    raws = [factories.raw(f"Number {number}") for number in range(3)]
    return factories.archive(factories.folder(), *raws)


def tag(user: User | None, **given: Any) -> Any:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client.post(reverse("wagtail_mailarchive:tag"), given)


def found(folder: EmailFolderPage, text: str) -> set[str]:
    ids = find(folder.pk, text, limit=50)
    texts = MessageText.objects.filter(pk__in=ids)
    return set(texts.values_list("message__subject", flat=True))


def test_search_finds_tags_alone_together_and_turned_around(
    mails: list[EmailMessagePage], ada: User
) -> None:
    folder = mails[0].folder
    add_tags(mails[:2], ["Budget 2026"], ada)
    add_tags(mails[1:], ["urgent"], ada)
    assert found(folder, "tag:urgent") == {"Number 1", "Number 2"}
    assert found(folder, 'tag:"budget-2026"') == {"Number 0", "Number 1"}
    assert found(folder, "tag:urgent -tag:budget-2026") == {"Number 2"}
    assert found(folder, "tag:budget-2026 OR tag:urgent") == {"Number 0", "Number 1", "Number 2"}
    assert found(folder, "tag:budget") == set()
    # What a tag says is no word of the mail.
    assert found(folder, "urgent") == set()
    remove_tags(mails[1:2], ["URGENT"])
    assert found(folder, "tag:urgent") == {"Number 2"}
    remove_tags(mails, ["urgent"])
    assert not MailTag.objects.filter(key="urgent").exists()


def test_tags_stay_when_the_index_is_made_anew(mails: list[EmailMessagePage], ada: User) -> None:
    add_tags(mails[:1], ["kept"], ada)
    before = MessageText.objects.get(message=mails[0]).marks
    fill(after=None, most=50)
    assert MessageText.objects.get(message=mails[0]).marks == before
    assert found(mails[0].folder, "tag:kept") == {"Number 0"}


def test_numbers_of_tags_follow_mail_to_the_trash_and_back(
    mails: list[EmailMessagePage], ada: User
) -> None:
    folder = mails[0].folder

    def numbers() -> dict[str, int]:
        marks = dict(MailTag.objects.values_list("mark", "name"))
        counted = FacetCount.objects.filter(folder=folder, kind=FacetKind.TAG, messages__gt=0)
        return {marks[value]: number for value, number in counted.values_list("value", "messages")}

    add_tags(mails, ["one"], ada)
    add_tags(mails[:1], ["one", "two"], ada)
    assert numbers() == {"one": 3, "two": 1}
    put(folder.pk, [mails[0].pk], user_id=ada.pk, reason="")
    assert numbers() == {"one": 2}
    restore(folder.pk, [mails[0].pk])
    EmailMessagePage.objects.filter(pk=mails[0].pk).update(parsed_by=0)
    with ParserProcess() as parser:
        reprocess([mails[0].pk], parser=parser)
    assert numbers() == {"one": 3, "two": 1}
    remove_tags(mails, ["one"])
    assert numbers() == {"two": 1}


def test_chosen_messages_are_tagged_at_once(mails: list[EmailMessagePage], ada: User) -> None:
    answer = tag(ada, tags="one, two", message=[mails[0].pk, mails[2].pk], next="/somewhere/")
    assert answer.headers["Location"] == "/somewhere/"
    assert tags_of([each.pk for each in mails]) == {
        mails[0].pk: ["one", "two"],
        mails[2].pk: ["one", "two"],
    }
    tag(ada, remove="one", message=[mails[0].pk])
    assert tags_of([mails[0].pk]) == {mails[0].pk: ["two"]}
    assert tag(ada, tags="x", message=["9" * 30]).status_code == 404
    assert (
        tag(ada, tags="x", message=[mails[0].pk], next="https://evil.example/").headers["Location"]
        == "/"
    )


def test_a_threads_tags_are_those_of_its_messages(ada: User) -> None:
    folder = factories.folder()
    first, answer, other = factories.archive(
        folder,
        factories.raw("Topic", Message_ID="<a@example.org>"),
        factories.raw("Re: Topic", In_Reply_To="<a@example.org>"),
        factories.raw("Else"),
    )
    first.refresh_from_db()
    tag(ada, tags="topic tag", thread=[first.thread_id])
    assert set(tags_of([first.pk, answer.pk, other.pk])) == {first.pk, answer.pk}
    add_tags([answer], ["secret"], ada)
    address = f"{folder.url}thread/{first.thread_id}/"
    reader = Client()
    text = reader.get(address).content.decode()
    assert "topic tag" in text
    assert "secret" in text
    assert "New tags" not in text
    PageViewRestriction.objects.create(page=answer.page_ptr, restriction_type="login")
    assert "secret" not in reader.get(address).content.decode()
    reader.force_login(ada)
    form = reader.get(address).content.decode()
    assert f'name="thread" value="{first.thread_id}"' in form
    tag(ada, remove="topic tag", thread=[first.thread_id])
    assert tags_of([first.pk, answer.pk]) == {answer.pk: ["secret"]}


@pytest.mark.parametrize("other_tagged", [0, 3], ids=["few tagged", "many tagged"])
def test_a_long_threads_tags_are_the_same(
    ada: User, monkeypatch: pytest.MonkeyPatch, other_tagged: int
) -> None:
    monkeypatch.setattr(tagging, "_LONG", 1)
    first, answer, *others = factories.archive(
        factories.folder(),
        factories.raw("Topic", Message_ID="<a@example.org>"),
        factories.raw("Re: Topic", In_Reply_To="<a@example.org>"),
        *(factories.raw(f"Else {number}") for number in range(3)),
    )
    factories.archive(factories.folder(), factories.raw("Elsewhere"))
    add_tags([first], ["one"], ada)
    for each in others[:other_tagged]:
        add_tags([each], ["other"], ada)
    thread = Thread.objects.get(messages=first)
    of_thread = EmailMessagePage.objects.filter(thread=thread)
    assert tags_of_thread(thread, of_thread) == ["one"]
    assert tags_of_thread(thread, of_thread.filter(pk=answer.pk)) == []


def test_a_threads_tags_cost_the_same_however_many(ada: User) -> None:
    folder = factories.folder()
    first, second = factories.archive(
        folder,
        factories.raw("Topic", Message_ID="<a@example.org>"),
        factories.raw("Re: Topic", In_Reply_To="<a@example.org>"),
    )
    client = Client()
    counts = []
    for names in (["one"], ["two", "three", "four"]):
        add_tags([first, second], names, ada)
        with CaptureQueriesContext(connection) as captured:
            client.get(f"{folder.url}thread/{first.thread_id}/")
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_nobody_tags_what_they_may_not_read(mails: list[EmailMessagePage], ada: User) -> None:
    assert tag(None, tags="x", message=[mails[0].pk]).status_code == 302
    closed = factories.archive(factories.folder(privacy="groups"), factories.raw("Closed"))[0]
    PageViewRestriction.objects.create(page=mails[1].page_ptr, restriction_type="groups")
    tag(ada, tags="x", message=[mails[0].pk, mails[1].pk, closed.pk])
    assert list(TaggedMessage.objects.values_list("content_object", flat=True)) == [mails[0].pk]


def test_pages_show_tags_with_numbers_of_what_the_reader_sees(
    mails: list[EmailMessagePage], ada: User
) -> None:
    folder = mails[0].folder
    add_tags(mails, ["Fi & nance"], ada)
    client = Client()
    text = client.get(mails[0].url).content.decode()
    assert "Fi &amp; nance" in text
    assert "New tags" not in text
    facets = {each.name: each for each in client.get(folder.url).context["facets"]}
    [choice] = facets["tag"].choices
    assert choice.messages == 3
    hits = client.get(choice.address)
    assert len(hits.context["hits"]) == 3
    PageViewRestriction.objects.create(page=mails[1].page_ptr, restriction_type="groups")
    facets = {each.name: each for each in client.get(folder.url).context["facets"]}
    assert facets["tag"].choices[0].messages == 2
    client.force_login(ada)
    listed = client.get(f"{folder.url}?view=date").content.decode()
    assert f'name="message" value="{mails[0].pk}"' in listed
    assert 'id="mailarchive-tagging"' in listed
    assert "New tags" in client.get(mails[0].url).content.decode()
    narrowed = client.get(f"{folder.url}?q=number").context["counts"].facets
    assert "Tag" not in [each.title for each in narrowed]  # all hits have it
