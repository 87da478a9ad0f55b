"""Notes about passages: found again, marked by the server, private or for all readers."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests import factories
from tests.reading import mail
from wagtail_mailarchive.archive.quotations import find, paragraphs, quote
from wagtail_mailarchive.models import Annotation, EmailFolderPage, EmailMessagePage, MessageText
from wagtail_mailarchive.models.annotation import CONTEXT, MAX_QUOTATION, MOST_REPLIES
from wagtail_mailarchive.reading.notes import Note, html_with_notes, text_with_notes
from wagtail_mailarchive.reading.passages import Passage, ShownText, places
from wagtail_mailarchive.reading.text_body import text_as_html

BODY = (
    "Dear all,\n\nthe budget is 5 < 6 & fine.\nSee https://example.org/budget now.\n\n"
    "> the budget is quoted\n\n-- \nBo\n"
)


# -- passages (no database) ------------------------------------------------------------------


def test_a_passage_is_kept_with_what_stands_around_it() -> None:
    text = "a" * 100 + " the words " + "b" * 100
    passage = quote(text, 100, 111)
    assert passage is not None
    assert (passage.exact, passage.start, passage.end) == ("the words", 101, 110)
    assert (passage.prefix, passage.suffix) == ("a" * 31 + " ", " " + "b" * 31)
    assert len(passage.prefix) == len(passage.suffix) == CONTEXT
    assert quote(text, 100, 101) is None
    assert quote("   ", 0, 99) is None
    whole = quote("x" * 5_000, 0, 5_000)
    assert whole is not None
    assert len(whole.exact) == MAX_QUOTATION


def test_a_passage_is_found_again_where_the_text_has_moved() -> None:
    text = "first words here. second words there."
    passage = quote(text, text.index("words there"), text.index("words there") + 5)
    assert passage is not None
    assert passage.exact == "words"
    assert find(text, passage) == passage.start
    longer = f"A line that a better parser found.\n{text}"
    assert find(longer, passage) == longer.index("words there")
    assert find("nothing of it", passage) is None


def test_paragraphs_end_at_blank_lines_and_are_never_too_long() -> None:
    text = f"One\ntwo\n\n  \nThree\n\n{'x' * (MAX_QUOTATION + 10)}\n"
    found = paragraphs(text, most=10)
    assert [len(each.exact) for each in found] == [7, 5, MAX_QUOTATION, 10]
    assert all(text[each.start : each.end] == each.exact for each in found)
    assert paragraphs(text, after=found[1].start, most=1) == [found[1]]


def test_marking_changes_nothing_but_what_it_adds() -> None:
    html = str(text_as_html(BODY))
    start = BODY.index("fine")
    end = BODY.index("quoted")
    begin, behind = places(BODY, [start, end])
    shown = ShownText(html).marked(
        [Passage(7, begin, behind)], lambda number: f"<sup>{number}</sup>"
    )
    pieces = shown.replace('<mark class="mailarchive-mark">', "").replace("</mark>", "")
    assert pieces.replace("<sup>7</sup>", "") == html
    assert "budget is</mark><sup>7</sup> quoted" in shown
    # The summary of a fold is ours, and no number stands within a link.
    assert "<summary><mark" not in shown
    assert "5 &lt; 6 &amp; <mark" in shown


def test_a_number_never_stands_within_a_link() -> None:
    html = '<p><a href="https://example.org/?a=&quot;>&quot;">one two</a> three</p>'
    shown = ShownText(html).marked([Passage(1, 0, 3)], lambda number: f"<sup>{number}</sup>")
    assert '"><mark class="mailarchive-mark">one</mark> two</a><sup>1</sup> three' in shown
    assert ShownText(html).text == "onetwothree"


def test_a_number_stands_on_the_line_of_its_words() -> None:
    html = "Last words.\n\n<details></details>"
    shown = ShownText(html).marked([Passage(1, 4, 9)], lambda number: f"[{number}]")
    assert shown == 'Last <mark class="mailarchive-mark">words</mark>[1].\n\n<details></details>'
    shown = ShownText(html).marked([Passage(1, 4, 10)], lambda number: f"[{number}]")
    assert shown.endswith("words.</mark>[1]\n\n<details></details>")


def test_overlapping_passages_each_get_their_number() -> None:
    passages = [Passage(1, 0, 4), Passage(2, 2, 6)]
    shown = ShownText("<p>abcdef</p>").marked(passages, lambda number: f"[{number}]")
    mark = '<mark class="mailarchive-mark">'
    assert shown == f"<p>{mark}ab</mark>{mark}cd</mark>[1]{mark}ef</mark>[2]</p>"


def test_a_hundred_notes_on_half_a_megabyte_are_each_marked_where_they_belong() -> None:
    lines = [f"Row {number} holds what row {number} held." for number in range(15_000)]
    text = "\n".join(lines)
    html = f"<table>{''.join(f'<tr><td>{each}</td></tr>' for each in lines)}</table>"
    assert len(text) > 500_000
    notes = []
    for number in range(1, 101):
        words = f"holds what row {number * 130} held"
        passage = quote(text, text.index(words), text.index(words) + len(words))
        assert passage is not None
        kept = Annotation(pk=number, **asdict(passage))
        notes.append(Note(number, kept, [], ""))
    mark, reference = '<mark class="mailarchive-mark">', '<sup class="mailarchive-ref">'
    shown, lost = text_with_notes(text_as_html(text), text, notes)
    body = html_with_notes(html, notes)
    assert not lost
    for number in range(1, 101):
        row = number * 130
        marked = f"Row {row} {mark}holds what row {row} held</mark>{reference}"
        assert f'{marked}<a href="#note-{number}" ' in shown
        assert f"{marked}{number}</sup>." in body


# -- pages -----------------------------------------------------------------------------------


@pytest.fixture
def ada(db: None) -> User:
    return factories.user("ada")


@pytest.fixture
def page(db: None) -> EmailMessagePage:
    cache.clear()
    return factories.archive(factories.folder(), factories.raw(body=BODY))[0]


def client_of(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def text_of(page: EmailMessagePage) -> str:
    return MessageText.objects.get(message=page).body


def write(
    user: User | None, page: EmailMessagePage, words: str, note: str = "My note", **values: str
) -> Any:
    """Write a note about `words` as the form does."""
    text = text_of(page)
    start = text.index(words)
    query = urlencode({"start": start, "end": start + len(words)})
    given = {"exact": words.replace("\n", "\r\n"), "note": note, "visibility": "folder", **values}
    return client_of(user).post(f"{page.url}annotations/?{query}", given)


def shown(page: EmailMessagePage, user: User | None = None, path: str = "") -> str:
    response = client_of(user).get(page.url + path)
    assert response.status_code == 200
    return response.content.decode()


def test_a_paragraph_is_chosen_and_written_about_without_a_script(
    page: EmailMessagePage, ada: User
) -> None:
    client = client_of(ada)
    listed = client.get(f"{page.url}annotations/")
    choice = listed.context["choices"][1]
    assert choice.text.startswith("the budget is 5 < 6 & fine.\nSee")
    form = client.get(choice.address)
    assert form.status_code == 200
    passage = form.context["passage"]
    answer = client.post(
        form.context["action"],
        {
            "exact": passage.exact.replace("\n", "\r\n"),
            "note": "Really?\r\nYes.",
            "visibility": "folder",
        },
    )
    saved = Annotation.objects.get()
    assert answer.headers["Location"] == f"{page.url}#note-{saved.pk}"
    assert saved.note == "Really?\nYes."
    assert saved.exact == passage.exact
    assert saved.original_sha256 == page.original.sha256
    text = shown(page)
    assert f'<li id="note-{saved.pk}"' in text
    assert f'href="#note-{saved.pk}" aria-label="Note 1">1</a></sup>' in text
    assert '<mark class="mailarchive-mark">the budget is 5 &lt; 6 &amp; fine.' in text
    assert "Really?<br>Yes." in text


def test_what_is_stored_is_a_web_annotation(page: EmailMessagePage, ada: User) -> None:
    write(ada, page, "fine")
    write(ada, page, "Dear all", visibility="private")
    response = client_of(None).get(f"{page.url}annotations/json/")
    assert response.headers["Content-Type"].startswith("application/ld+json")
    [item] = json.loads(response.content)["items"]
    start = text_of(page).index("fine")
    assert item["target"] == {
        "source": f"urn:sha256:{page.original.sha256}",
        "selector": [
            {
                "type": "TextQuoteSelector",
                "exact": "fine",
                "prefix": text_of(page)[start - 32 : start],
                "suffix": text_of(page)[start + 4 : start + 36],
            },
            {"type": "TextPositionSelector", "start": start, "end": start + 4},
        ],
    }


def test_the_html_view_has_the_marks_where_it_holds_the_words(
    page: EmailMessagePage, ada: User
) -> None:
    cache.clear()
    source = "<p>Hello in <b>plain</b>\n   words</p><p>Other</p>"
    [letter] = factories.archive(page.folder, mail.html(source, text="Hello in plain words\n"))
    write(ada, letter, "in plain words", "About it")
    body = shown(letter, path="body/")
    mark = '<mark class="mailarchive-mark">'
    assert f"Hello {mark}in</mark> <b>{mark}plain</b>".replace("plain</b>", "plain</mark></b>") in (
        body
    )
    assert '<sup class="mailarchive-ref">1</sup>' in body
    assert "About it" not in body
    assert "About it" in shown(letter)


def test_private_notes_are_for_their_author_alone(page: EmailMessagePage, ada: User) -> None:
    write(ada, page, "fine", "Secret thought", visibility="private")
    note = Annotation.objects.get()
    boss = factories.superuser()
    notes = f"{page.folder.url}notes/"
    for other in (None, factories.user(), boss):
        assert "Secret thought" not in shown(page, other)
        assert "mailarchive-mark" not in shown(page, other)
        assert "Secret thought" not in client_of(other).get(notes).content.decode()
        assert json.loads(shown(page, other, "annotations/json/"))["items"] == []
        assert client_of(other).get(f"{page.url}annotations/{note.pk}/").status_code == 404
    assert "Secret thought" in shown(page, ada)
    assert "Secret thought" in client_of(ada).get(notes).content.decode()
    ada.delete()
    assert not Annotation.objects.exists()


def test_shared_notes_outlive_their_authors_user(page: EmailMessagePage, ada: User) -> None:
    write(ada, page, "fine", "Shared thought")
    ada.delete()
    assert "Shared thought" in shown(page)


def test_who_may_not_read_the_page_gets_nothing_of_its_notes(ada: User) -> None:
    folder = factories.folder(privacy="groups")
    [page] = factories.archive(folder, factories.raw(body=BODY))
    boss = factories.superuser()
    write(boss, page, "fine", "Board only")
    note = Annotation.objects.get()
    for path in ("annotations/", "annotations/json/", f"annotations/{note.pk}/"):
        for user in (None, ada):
            assert client_of(user).get(page.url + path).status_code in (302, 403)
            assert client_of(user).post(page.url + path, {"note": "x"}).status_code in (302, 403)
    assert client_of(ada).get(f"{folder.url}notes/").status_code in (302, 403)
    assert write(ada, page, "fine").status_code in (302, 403)
    assert Annotation.objects.count() == 1


def test_guests_are_asked_to_sign_in_and_come_back(page: EmailMessagePage) -> None:
    address = f"{page.url}annotations/?start=0&end=4"
    answer = client_of(None).get(address)
    assert answer.status_code == 302
    assert parse_qs(urlsplit(answer.headers["Location"]).query) == {"next": [address]}
    assert write(None, page, "fine").status_code == 302
    assert not Annotation.objects.exists()


def signed_in_by(answer: Any, client: Client) -> str:
    """The page that signing in leads to, which `answer` asked for."""
    location = answer.headers["Location"]
    assert location.startswith("/_util/login/?next=")
    back = client.post(location, {"username": "ada", "password": "password"})
    response = client.get(back.headers["Location"])
    assert response.status_code == 200
    return str(response.content.decode())


@pytest.mark.parametrize("privacy", ["public", "login"])
@pytest.mark.parametrize("visibility", ["folder", "private"])
def test_a_note_survives_a_session_that_ended(ada: User, privacy: str, visibility: str) -> None:
    folder = factories.folder(privacy=privacy)
    [page] = factories.archive(folder, factories.raw(body=BODY))
    client = Client()
    given = {"exact": "Dear all", "note": "Long\r\nthoughts", "visibility": visibility}
    address = f"{page.url}annotations/?start=0&end=8"
    text = signed_in_by(client.post(address, given), client)
    assert "Long\r\nthoughts</textarea>" in text
    assert f'value="{visibility}" checked' in text
    assert "<bdi>Dear all</bdi>" in text
    assert not Annotation.objects.exists()
    # Of another passage it says nothing, and once it is saved nothing is left of it.
    other = f"{page.url}annotations/?start=10&end=30"
    assert "thoughts" not in client.get(other).content.decode()
    client.post(address, given)
    assert "thoughts" not in client.get(address).content.decode()
    assert Annotation.objects.get().is_private == (visibility == "private")


def test_replies_and_changes_survive_a_session_that_ended(
    page: EmailMessagePage, ada: User
) -> None:
    write(ada, page, "fine", "My own", visibility="private")
    note = Annotation.objects.get()
    address = f"{page.url}annotations/{note.pk}/"
    for words, place, given in (
        ("Kept answer", "mailarchive-reply", {}),
        ("Kept change", f"mailarchive-edit-{note.pk}", {"edit": note.pk}),
    ):
        client = Client()
        text = signed_in_by(client.post(address, {"note": words, **given}), client)
        before, _words, behind = text.partition(words)
        assert f'id="{place}"' in before.rpartition("<textarea")[2]
        assert words not in behind
        assert client.post(address, {"note": words, **given}).status_code == 302
        left = client.get(address).content.decode().partition('id="mailarchive-reply"')[2]
        assert words not in left
    assert Annotation.objects.get(parent=note).note == "Kept answer"
    note.refresh_from_db()
    assert note.note == "Kept change"


def test_where_nobody_comments_notes_are_private(page: EmailMessagePage, ada: User) -> None:
    EmailFolderPage.objects.filter(pk=page.folder_id).update(comment_moderation="closed")
    assert write(ada, page, "fine").status_code == 403
    assert write(ada, page, "fine", visibility="private").status_code == 302
    assert Annotation.objects.get().is_private


def test_people_reply_change_and_delete(page: EmailMessagePage, ada: User) -> None:
    write(ada, page, "fine", "First")
    note = Annotation.objects.get()
    address = f"{page.url}annotations/{note.pk}/"
    bo = factories.user("bo")
    assert client_of(bo).post(address, {"note": "I agree"}).status_code == 302
    reply = Annotation.objects.get(parent=note)
    assert "I agree" in shown(page)
    # Nobody changes or deletes what somebody else wrote.
    for given in ({"edit": note.pk, "note": "Other"}, {"delete": note.pk}, {"edit": "9" * 30}):
        assert client_of(bo).post(address, given).status_code == 403
    client_of(ada).post(address, {"edit": note.pk, "note": "Second"})
    assert "Second" in shown(page)
    # Answered, it leaves its place.
    client_of(ada).post(address, {"delete": note.pk})
    text = shown(page)
    assert "Second" not in text
    assert "This note was deleted." in text
    assert "I agree" in text
    boss = factories.superuser()
    assert client_of(boss).post(address, {"delete": reply.pk}).status_code == 302
    assert "I agree" not in shown(page)


def test_replies_are_changed_as_long_as_comments_and_notes_at_any_time(
    page: EmailMessagePage, ada: User
) -> None:
    write(ada, page, "fine", "First")
    note = Annotation.objects.get()
    address = f"{page.url}annotations/{note.pk}/"
    client = client_of(ada)
    client.post(address, {"note": "An answer"})
    reply = Annotation.objects.get(parent=note)
    assert client.post(address, {"edit": reply.pk, "note": "Changed"}).status_code == 302
    Annotation.objects.update(created_at=timezone.now() - timedelta(minutes=16))
    told = "cannot be changed any more"
    late = client.post(address, {"edit": reply.pk, "note": "Too late"}).content.decode()
    # What was typed is not lost, and neither where the time ended while its author signed in.
    other = Client()
    again = signed_in_by(other.post(address, {"edit": reply.pk, "note": "Too late"}), other)
    for text in (late, again):
        assert told in text
        assert "Too late</textarea>" in text.partition('id="mailarchive-reply"')[2]
    EmailFolderPage.objects.update(comment_moderation="closed")
    assert "<bdi>Too late</bdi>" in other.get(address).content.decode()
    assert told not in Client().get(address).content.decode()
    assert client.post(address, {"edit": note.pk, "note": "Later"}).status_code == 302
    assert list(Annotation.objects.order_by("pk").values_list("note", flat=True)) == [
        "Later",
        "Changed",
    ]


def test_what_cannot_be_saved_says_why_and_keeps_the_words(
    page: EmailMessagePage, ada: User
) -> None:
    changed = write(ada, page, "fine", "Kept words", exact="other words")
    assert "The text has changed" in changed.content.decode()
    assert "Kept words" in changed.content.decode()
    assert write(ada, page, "fine", "  ").status_code == 200
    assert write(ada, page, "fine", "x" * 4_001).status_code == 200
    assert not Annotation.objects.exists()
    for query in ("start=x&end=4", "start=-1&end=4", "start=99999999&end=999999999"):
        assert client_of(ada).get(f"{page.url}annotations/?{query}").status_code == 404


def test_there_is_an_end_to_how_much_one_writes(page: EmailMessagePage, ada: User) -> None:
    for number in range(30):
        assert write(ada, page, "fine", f"Note {number}").status_code == 302
    assert write(ada, page, "fine", "Note 30").status_code == 200
    assert Annotation.objects.count() == 30
    note = Annotation.objects.first()
    assert note is not None
    rows = [
        Annotation(message=page, folder_id=page.folder_id, parent=note, note="x", author_name="x")
        for _ in range(MOST_REPLIES)
    ]
    Annotation.objects.bulk_create(rows)
    full = client_of(factories.user()).post(f"{page.url}annotations/{note.pk}/", {"note": "y"})
    assert "This conversation is full." in full.content.decode()


def test_a_second_click_saves_nothing_more(page: EmailMessagePage, ada: User) -> None:
    write(ada, page, "fine")
    write(ada, page, "fine")
    assert Annotation.objects.count() == 1


def test_a_note_is_text(page: EmailMessagePage, ada: User) -> None:
    write(ada, page, "fine", "<script>x</script> javascript:alert(1) https://example.org/<b>")
    text = shown(page)
    assert "<script>x" not in text
    assert 'href="javascript' not in text


def test_a_passage_that_is_gone_is_told(page: EmailMessagePage, ada: User) -> None:
    write(ada, page, "fine")
    Annotation.objects.update(exact="words that nobody wrote")
    text = shown(page)
    assert "The text does not hold this passage any more." in text
    assert "mailarchive-mark" not in text


def test_the_folder_lists_notes_page_by_page(page: EmailMessagePage, ada: User) -> None:
    rows = [
        Annotation(
            message=page,
            folder_id=page.folder_id,
            author=ada,
            author_name="Ada",
            exact="fine",
            start=50,
            end=54,
            note=f"Number {number:02}.",
        )
        for number in range(52)
    ]
    Annotation.objects.bulk_create(rows)
    address = f"{page.folder.url}notes/"
    with CaptureQueriesContext(connection) as many:
        first = client_of(None).get(address)
    assert "Number 51." in first.content.decode()
    assert "Number 01." not in first.content.decode()
    second = client_of(None).get(first.context["older_address"])
    assert "Number 01." in second.content.decode()
    Annotation.objects.filter(note__gt="Number 02.").delete()
    with CaptureQueriesContext(connection) as few:
        assert client_of(None).get(address).status_code == 200
    assert len(few) == len(many)
    assert client_of(ada).get(f"{address}?mine").status_code == 200
    assert client_of(ada).get(f"{address}?before=x").status_code == 404


def test_notes_cost_two_queries_however_many(page: EmailMessagePage, ada: User) -> None:
    client = client_of(None)
    client.get(page.url)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(page.url).status_code == 200
        return len(captured)

    none = queries()
    write(ada, page, "fine", "One")
    one = queries()
    for words in ("Dear all", "budget", "now"):
        write(ada, page, words)
    assert (one - none, queries()) == (2, one)


def test_the_folder_leads_to_its_notes(page: EmailMessagePage) -> None:
    address = f"{page.folder.url}notes/"
    assert f'<a href="{address}">Notes</a>' in client_of(None).get(page.folder.url).content.decode()
    assert "There is no note in this folder yet." in client_of(None).get(address).content.decode()


def test_what_came_of_it_is_said_where_it_was_done(page: EmailMessagePage, ada: User) -> None:
    client = client_of(ada)
    given = {"exact": "Dear all", "note": "Mine", "visibility": "folder"}
    client.post(f"{page.url}annotations/?start=0&end=8", given)
    text = client.get(page.url).content.decode()
    places = [
        text.index(each)
        for each in ("mailarchive-notes-title", "The note is saved.", "mailarchive-comments-title")
    ]
    assert places == sorted(places)
    tagged = {"tags": "done", "message": page.pk, "next": page.url}
    client.post(reverse("wagtail_mailarchive:tag"), tagged)
    text = client.get(page.url).content.decode()
    assert text.count("1 message is tagged.") == 1
    assert text.index("1 message is tagged.") < text.index("mailarchive-notes-title")


def test_keys_stay_numbers_where_thousands_are_parted(
    page: EmailMessagePage, ada: User, settings: Any
) -> None:
    settings.USE_THOUSAND_SEPARATOR = True
    write(ada, page, "fine")
    Annotation.objects.update(id=1_234_567)
    text = shown(page, ada)
    assert 'id="note-1234567"' in text
    assert 'href="#note-1234567"' in text
    form = shown(page, ada, "annotations/1234567/")
    assert 'name="edit" value="1234567"' in form
    assert 'name="delete" value="1234567"' in form
    assert 'maxlength="4000"' in form
