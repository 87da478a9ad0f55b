"""Which words find which messages: the same on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.plans import plan_of
from wagtail_mailarchive.archive.search import (
    Question,
    backend,
    find,
    find_heads,
    parse,
    postgresql,
)
from wagtail_mailarchive.models import EmailFolderPage, MessageText
from wagtail_mailarchive.models.message_text import scope_of

pytestmark = pytest.mark.django_db

BODY = """\
Write to user77@example.com or see https://www.example.org/foo/bar-baz?page=12 for report.pdf.
Either/or, snake_case_name, well-known, it's ABC-1234, 2026-03-05 12:30, 3.14, 1.2.3, v2.0.1, -5 C.
Look below /usr/local/bin, x <secret> y, a&amp;b, 1e5, #4711, "quoted", (bracketed), 'single'.
Café, Ma\u0301laga, Łódź, ЖУРНАЛ, हिन्दी, 東京都, 한글, “curly”, em—dash.
"""


@pytest.fixture
def folder(db: None) -> EmailFolderPage:
    page = factories.folder()
    people = {"From": "Bob <bob@mail.test>", "To": "carol@mail.test"}
    factories.archive(page, factories.raw("Other", "Nothing of the kind.\n", **people))
    return page


@pytest.mark.parametrize(
    "words",
    [
        *("user77@example.com", "user77", "example.com", "example", "com"),
        *("https://www.example.org/foo/bar-baz", "www", "foo", "bar", "baz", "page=12", "12"),
        *("report.pdf", "report", "pdf", "either", "either/or", "EITHER"),
        *("snake_case_name", "case", "well-known", "known", "it's"),
        *("ABC-1234", "1234", "abc", "2026-03-05", "2026", "12:30", "3.14", "1.2.3", "v2.0"),
        *("/usr/local/bin", "local", "secret", "<secret>", "amp", "1e5", "#4711", "5 C"),
        *("quoted", '"quoted"', "bracketed", "(bracketed", "single"),
        *(
            "café",
            "cafe",
            "CAFÉ",
            "cafe\u0301",
            "malaga",
            "Málaga",
            "журнал",
            "हिन्दी",
            "東京都",
            "東京",
            "京都",
            "都",
            "京",
        ),
        *("한글", "curly", "“curly”", "em dash", "em—dash", "ada lovelace", "ada@example.org"),
        *("pdf user77", "greeting café", "_ secret"),
    ],
)
def test_words_are_found_however_they_are_joined(folder: EmailFolderPage, words: str) -> None:
    [message] = factories.archive(folder, factories.raw("Greeting", BODY))
    assert find(folder.pk, words, limit=10) == [MessageText.objects.get(message=message).pk]


@pytest.mark.parametrize("words", ["ser77", "secret zeppelin", "京東", "都東", "usr2", "exampl"])
def test_parts_of_words_and_missing_words_find_nothing(folder: EmailFolderPage, words: str) -> None:
    factories.archive(folder, factories.raw("Greeting", BODY))
    assert find(folder.pk, words, limit=10) == []


@pytest.mark.parametrize(
    "words",
    [
        "",
        " ",
        "_",
        "__",
        "²",
        "ª",
        "٣",
        "़",
        "\u0301",
        "-",
        "...",
        "\x00",
        "\ud800",
        "<>",
        "'",
        "\\",
    ],
)
def test_what_holds_no_word_does_not_find_the_whole_folder(
    folder: EmailFolderPage, words: str
) -> None:
    assert find(folder.pk, words, limit=10) == []


@pytest.mark.parametrize("words", ["AND", "OR", "NOT zebra", "noth*", "NEAR(nothing kind)"])
def test_no_word_is_an_operator(folder: EmailFolderPage, words: str) -> None:
    assert find(folder.pk, words, limit=10) == []


@pytest.mark.parametrize("place", ["subject", "people", "body"])
@pytest.mark.parametrize(
    "form", ["{0}", "in {0}", "'in {0}'", "scope:{0}", "in_{0}", "in\u00a0{0}"]
)
def test_mail_that_names_another_folder_is_not_found_there(
    folder: EmailFolderPage, form: str, place: str
) -> None:
    name = form.format(scope_of(folder.pk))
    raws = {
        "subject": factories.raw(f"pineapple {name}"),
        "people": factories.raw("pineapple", From=f'"{name}" <x@example.org>'),
        "body": factories.raw("pineapple", f"{name}\n"),
    }
    factories.archive(factories.folder(), raws[place])
    assert find(folder.pk, "pineapple", limit=10) == []
    assert find(folder.pk, name, limit=10) == []


def test_the_word_of_the_folder_itself_finds_nothing(folder: EmailFolderPage) -> None:
    assert find(folder.pk, scope_of(folder.pk), limit=10) == []
    assert find(folder.pk, f"in {scope_of(folder.pk)}", limit=10) == []


# -- subjects and people of several folders ---------------------------------------------------


def heads(folders: list[EmailFolderPage], words: str, limit: int = 10) -> list[str]:
    found = find_heads([each.pk for each in folders], words, limit=limit)
    texts = MessageText.objects.in_bulk(found)
    return [texts[key].subject for key in found]


def test_heads_are_found_in_the_folders_asked_for_and_no_others(folder: EmailFolderPage) -> None:
    others = [factories.folder(), factories.folder()]
    for each in (folder, *others):
        factories.archive(each, factories.raw(f"Plans of {each.pk}"))
    assert set(heads([folder, others[0]], "plans")) == {
        f"Plans of {folder.pk}",
        f"Plans of {others[0].pk}",
    }
    assert heads([], "plans") == []


def test_heads_are_subjects_and_people_but_no_bodies(folder: EmailFolderPage) -> None:
    factories.archive(folder, factories.raw("Plans", "About the zeppelin.\n", Cc="Grace <g@x.org>"))
    assert heads([folder], "zeppelin") == []
    for words in ("plans grace", "Ada Lovelace <ada@example.org>", "g@x.org", "PLANS"):
        assert heads([folder], words) == ["Plans"]
    assert heads([folder], "plans zeppelin") == []


@pytest.mark.parametrize("words", ["", "_", "' \\ \"", "a' | 'b", "plans:* & !x", "folder1 | in"])
def test_heads_know_no_operators(folder: EmailFolderPage, words: str) -> None:
    factories.archive(folder, factories.raw("Plans"))
    assert heads([folder], words) == []


def test_heads_are_the_newest_first_and_no_more_than_wanted(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sqlite", "postgresql"):
        monkeypatch.setattr(f"wagtail_mailarchive.archive.search.{name}.MOST_SCOPES", 1)
    other = factories.folder()
    for day, into in ((3, folder), (5, other), (4, folder)):
        date = f"Thu, 0{day} Mar 2026 14:30:00 +0100"
        factories.archive(into, factories.raw(f"Day {day}", Date=date))
    assert heads([folder, other], "day", limit=2) == ["Day 5", "Day 4"]


def test_phrases_of_common_words_are_looked_for_along_the_dates(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's index knows where words stand")
    monkeypatch.setattr(postgresql, "_SAMPLE", 4)
    bodies = ["north wind" if number % 5 == 0 else "wind north" for number in range(60)]
    messages = factories.archive(folder, *(factories.raw(f"{n}", b) for n, b in enumerate(bodies)))
    texts = dict(MessageText.objects.values_list("message", "pk"))
    keys = [texts[each.pk] for each in messages]
    expected = sorted(
        (key for key, b in zip(keys, bodies, strict=True) if b[0] == "n"), reverse=True
    )

    def asked(words: str, limit: int, before: int | None = None) -> tuple[list[int], bool]:
        """What is found, and whether all that hold the words were fetched."""
        question = Question.of(parse(words), [folder.pk])
        with CaptureQueriesContext(connection) as captured:
            found = backend().by_date(question, before=before, limit=limit)
        return found, any("mailarchive_hits" in each["sql"] for each in captured)

    assert asked('"north wind"', 4) == (expected[:4], False)
    assert asked('"north wind"', 4, before=expected[3]) == (expected[4:8], False)
    assert asked('"north wind"', 20) == (expected, True)
    assert asked('"wind wind"', 4) == ([], True)
    assert asked('-"north wind"', 60)[0] == sorted({*texts.values()} - {*expected}, reverse=True)


def test_vectors_are_stored_as_they_are() -> None:
    """Making them smaller took as long as making them, and reading them twice as long."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite keeps no vectors")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attstorage FROM pg_attribute WHERE attname = 'search_vector'"
            " AND attrelid = 'wagtail_mailarchive_messagetext'::regclass"
        )
        assert cursor.fetchone() == ("e",)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reads each hit in any case")
@pytest.mark.parametrize("order", ["by_date", "by_relevance"])
def test_what_is_hidden_is_left_out_without_reading_each_hit(order: str) -> None:
    folder = factories.folder()
    shown, hidden = factories.archive(folder, factories.raw("Report"), factories.raw("Report"))
    question = Question.of(parse("report"), [folder.pk], hidden=[hidden.pk])
    with CaptureQueriesContext(connection) as captured:
        if order == "by_date":
            found = backend().by_date(question, before=None, limit=5)
        else:
            ranked = backend().by_relevance(question, after=None, limit=5)
            found = [place.id for place in ranked]
    assert found == [MessageText.objects.get(message=shown).pk]
    [asked] = [each["sql"] for each in captured]
    texts = [each for each in plan_of(asked).splitlines() if "messagetext" in each]
    assert len(texts) == 1
    assert "(message_id=?)" in texts[0]
