"""What each operator finds, in which order, and what is counted: the same from every backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests import factories
from tests.reading import mail
from wagtail_mailarchive.archive.search import Question, backend, parse
from wagtail_mailarchive.archive.search.contents import set_attachment_text
from wagtail_mailarchive.archive.search.question import Place
from wagtail_mailarchive.mime.parser import parse as read
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, MessageText

pytestmark = pytest.mark.django_db

MAIL = {
    "plan": factories.raw(
        "Annual report of Paris",
        "The draft is ready. Numbers of the annual budget follow.\n",
        Date="Mon, 01 Jan 2024 00:30:00 +0000",
        List_Id="<users.lists.example.org>",
    ),
    "reply": factories.raw(
        "Re: report",
        "Annual? The report for Rome is here; 東京都で会議。\n",
        From="Bob Stone <bob@mail.test>",
        To="Ada Lovelace <ada@example.org>, 山田太郎 <yamada@example.jp>",
        Date="Sun, 31 Dec 2023 22:00:00 +0000",
    ),
    "file": factories.raw(
        "Invoice",
        "Please pay. " + "padding " * 20_000,
        From="ada@example.org.invalid",
        Date="Thu, 15 Feb 2024 10:00:00 +0000",
    ),
}


@pytest.fixture
def archived(db: None) -> tuple[EmailFolderPage, dict[str, EmailMessagePage]]:
    folder = factories.folder()
    pages = factories.archive(folder, *MAIL.values(), mail.attached("Q1 会計報告.pdf", b"%PDF"))
    return folder, dict(zip([*MAIL, "attached"], pages, strict=True))


@pytest.fixture
def names(archived: Any) -> Callable[[str], str]:
    """`names(text)`: what is found, the newest first."""
    folder, pages = archived
    by_key = {page.pk: name for name, page in pages.items()}

    def found(text: str) -> str:
        question = Question.of(parse(text), [folder.pk])
        ids = backend().by_date(question, before=None, limit=10)
        owners = dict(MessageText.objects.values_list("pk", "message_id"))
        best = {place.id for place in backend().by_relevance(question, after=None, limit=10)}
        counted = set(backend().facts(question, limit=10).ids)
        assert set(ids) == best == counted
        assert ids == sorted(ids, reverse=True)
        return " ".join(by_key[owners[each]] for each in ids)

    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("report", "plan reply"),
        ("annual report", "plan reply"),
        ('"annual report"', "plan"),
        ("paris OR rome", "plan reply"),
        ("report -rome", "plan"),
        ("report -(rome OR paris)", ""),
        ("-report", "attached file"),
        ("-report OR rome", "attached file reply"),
        ("from:ada", "attached file plan"),
        ("from:ada@example.org", "attached plan"),
        ("from:<ADA@Example.org>", "attached plan"),
        ("from:bob -from:ada", "reply"),
        ('from:"stone bob"', "reply"),
        ("to:charles", "file plan"),
        ("to:山田", "reply"),
        ("to:郎", "reply"),
        ("subject:report", "plan reply"),
        ('subject:"annual report"', "plan"),
        ("subject:budget", ""),
        ("has:attachment", "attached"),
        ("-has:attachment rome", "reply"),
        ("filename:pdf", "attached"),
        ("filename:会計", "attached"),
        ("filename:報", "attached"),
        ("filename:計会", ""),
        ("filename:report", ""),
        ("pdf", "attached"),
        ("list:users", "plan"),
        ("list:users.lists.example.org", "plan"),
        ("list:nobody", ""),
        ("after:2024", "attached file plan"),
        ("before:2024", "reply"),
        ("report after:2023-12-31 before:2024-01-02", "plan reply"),
        ("larger:100k", "file"),
        ("larger:100k report", ""),
        ("larger:1", "attached file plan reply"),
        ("larger:0", "attached file plan reply"),
        ("larger:999999999999g", ""),
        ("after:0000 before:9999-12-31", "attached file plan reply"),
        ("before:0000", ""),
        ("after:9999-12-31", ""),
        ("会議", "reply"),
        ("東京", "reply"),
        ("京東", ""),
        ("rome 会", "reply"),
        ("subject:会", ""),
        ("attachment", "attached"),
        ("fromada", ""),
        ("all", ""),
        ("size9 OR fromada OR users", ""),
    ],
)
def test_operators(names: Callable[[str], str], text: str, expected: str) -> None:
    assert names(text) == expected


def test_text_inside_attachments_is_found_once_it_is_set(
    archived: Any, names: Callable[[str], str]
) -> None:
    _folder, pages = archived
    assert names("zeppelin") == names("飛行船") == ""
    set_attachment_text(pages["attached"].pk, "A zeppelin, 飛行船.")
    assert names("zeppelin") == names("飛行船") == "attached"
    set_attachment_text(pages["attached"].pk, "Nothing of the kind")
    assert names("zeppelin") == names("飛行船") == ""
    set_attachment_text(0, "nobody's")


def test_several_folders_and_no_other_are_searched(archived: Any) -> None:
    folder, _pages = archived
    others = [factories.folder() for _ in range(3)]
    for each in others:
        factories.archive(each, factories.raw(f"Report {each.pk}"))
    query = parse("report")
    within = [folder.pk, others[0].pk]
    for limit in (1, 10):
        found = backend().by_date(Question.of(query, within), before=None, limit=limit)
        assert len(found) == min(3, limit)
    facts = backend().facts(Question.of(query, within), limit=10)
    assert set(facts.folder_ids) == set(within)
    everywhere = Question.of(query, [each.pk for each in (folder, *others)], is_everywhere=True)
    assert len(backend().by_date(everywhere, before=None, limit=10)) == 5
    nowhere = Question.of(parse("-report"), [others[0].pk])
    assert backend().by_date(nowhere, before=None, limit=10) == []


def test_hidden_messages_are_neither_found_nor_counted(archived: Any) -> None:
    folder, pages = archived
    query = parse("report")
    question = Question.of(query, [folder.pk], hidden=[pages["plan"].pk])
    [hit] = backend().by_date(question, before=None, limit=10)
    assert MessageText.objects.get(pk=hit).message_id == pages["reply"].pk
    assert [place.id for place in backend().by_relevance(question, after=None, limit=9)] == [hit]
    assert list(backend().facts(question, limit=10).ids) == [hit]


def test_facts_tell_what_is_counted(archived: Any) -> None:
    folder, _pages = archived
    facts = backend().facts(Question.of(parse("larger:1"), [folder.pk]), limit=10)
    told = set(zip(facts.senders, facts.list_ids, strict=True))
    assert ("ada@example.org", "users.lists.example.org") in told
    assert ("ada@example.org", "") in told
    with_attachment = MessageText.objects.filter(folder=folder, has_attachment=True).count()
    assert facts.attached == with_attachment > 0
    assert len(backend().facts(Question.of(parse("larger:1"), [folder.pk]), limit=2)) == 2


def test_addresses_of_any_characters_are_counted(archived: Any) -> None:
    folder, pages = archived
    odd = 'a"\\\n\x1f\u2028d\N{GRINNING FACE}a@example.org'
    MessageText.objects.filter(message=pages["plan"]).update(sender=odd, list_id=odd)
    facts = backend().facts(Question.of(parse("larger:1"), [folder.pk]), limit=10)
    at = list(facts.ids).index(MessageText.objects.get(message=pages["plan"]).pk)
    assert (facts.senders[at], facts.list_ids[at]) == (odd, odd)
    assert len(facts.senders) == len(facts.list_ids) == MessageText.objects.count()


def test_folders_are_told_apart_where_there_are_several(archived: Any) -> None:
    folder, _pages = archived
    other = factories.folder()
    factories.archive(other, factories.raw("Report"))
    keys = [folder.pk, other.pk]
    for is_everywhere in (False, True):
        question = Question.of(parse("report"), keys, is_everywhere=is_everywhere)
        assert sorted(backend().facts(question, limit=10).folder_ids) == [*keys[:1] * 2, other.pk]
    nothing = backend().facts(Question.of(parse("nowhere"), keys), limit=10)
    assert (len(nothing), nothing.folder_ids, nothing.attached) == (0, [], 0)


def test_common_and_rare_words_are_paged_by_key_in_both_orders() -> None:
    """Long enough for PostgreSQL to walk, to walk on, and to give up walking."""
    folder = factories.folder()
    bodies = [
        f"{'even' if number % 2 else 'odd'} {'rare' if number in (3, 250) else ''} word\n"
        for number in range(260)
    ]
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    raws = [mail.dated(begin.replace(microsecond=0), f"n{n}", b) for n, b in enumerate(bodies)]
    factories.archive(folder, *raws)
    for word, expected in (("even", 130), ("word", 260), ("rare", 2), ("absent", 0)):
        question = Question.of(parse(word), [folder.pk])
        assert len(set(_walk_by_date(question, 40))) == expected
        assert len(set(_walk_by_relevance(question, 40))) == expected
        assert len(backend().facts(question, limit=1_000)) == expected
    bounded = replace(Question.of(parse("word"), [folder.pk]), hidden=_keys(folder)[:200])
    assert len(_walk_by_date(bounded, 7)) == 60


def _keys(folder: EmailFolderPage) -> list[int]:
    newest = MessageText.objects.filter(folder=folder).order_by("-pk")
    return list(newest.values_list("message_id", flat=True))


def _walk_by_date(question: Question, limit: int) -> list[int]:
    found: list[int] = []
    while some := backend().by_date(question, before=found[-1] if found else None, limit=limit):
        found += some
    return found


def _walk_by_relevance(question: Question, limit: int) -> list[int]:
    found: list[Place] = []
    while some := backend().by_relevance(question, after=found[-1] if found else None, limit=limit):
        found += some
    return [place.id for place in found]


def test_a_word_in_the_subject_is_worth_more() -> None:
    folder = factories.folder()
    raws = [
        factories.raw("Other", "zeppelin\n", Date="Thu, 05 Mar 2026 14:30:00 +0000"),
        factories.raw("Zeppelin", "Other\n", Date="Thu, 05 Mar 2020 14:30:00 +0000"),
    ]
    factories.archive(folder, *raws)
    question = Question.of(parse("zeppelin"), [folder.pk])
    assert _subjects(backend().by_date(question, before=None, limit=5)) == ["Other", "Zeppelin"]
    best = backend().by_relevance(question, after=None, limit=5)
    assert _subjects([place.id for place in best]) == ["Zeppelin", "Other"]


def _subjects(ids: Sequence[int]) -> list[str]:
    texts = MessageText.objects.in_bulk(ids)
    return [texts[each].subject for each in ids]


@pytest.mark.parametrize("place", ["subject", "body", "file", "name"])
def test_mail_cannot_pretend_to_be_marked(place: str) -> None:
    """The words of the index that are ours mean nothing where mail holds them."""
    folder = factories.folder()
    forged = "fromgrace in fromgrace marks:fromgrace attachment sender0f"
    raws = {
        "subject": factories.raw(forged),
        "body": factories.raw("x", forged),
        "file": mail.attached(f"{forged}.pdf", b"%PDF"),
        "name": factories.raw("x", To=f'"{forged}" <x@example.org>'),
    }
    factories.archive(folder, raws[place])
    question = Question.of(parse("from:grace"), [folder.pk])
    assert backend().by_date(question, before=None, limit=5) == []


def test_a_text_of_all_there_is_fits_into_the_index() -> None:
    """PostgreSQL's tsvector holds 1 MiB; different words of four bytes each fill it fastest."""
    folder = factories.folder()
    words = " ".join(f"{chr(0x20000 + n)}{chr(0x10400 + n % 40)}{n}" for n in range(40_000))
    accents = " ".join(f"é{n:x}" for n in range(60_000))
    raws = [factories.raw("Far", "needle\n" + text) for text in (words, accents)]
    pages = factories.archive(folder, *raws, parsed=[factories.storable(read(raw)) for raw in raws])
    for page in pages:
        set_attachment_text(page.pk, words[:200_000] + accents)
    found = backend().by_date(Question.of(parse("needle"), [folder.pk]), before=None, limit=5)
    assert len(found) == 2
