"""What of a text body is folded away, and that nothing of it gets lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wagtail_mailarchive.reading.folding import Kind, segments

OWN, QUOTE, SIGNATURE = Kind.OWN, Kind.QUOTE, Kind.SIGNATURE

_LINE = st.sampled_from(
    [
        *(
            "> quoted",
            ">> deeper",
            ">",
            "",
            " ",
            "Yes.",
            "-- ",
            "--",
            "_" * 50,
            "Sent from my phone",
        ),
        *("On 3 May 2026, A <a@b.example> wrote:", "Von: Ada <a@b.example>", "Gesendet: heute"),
        *(
            "An: Bo",
            "Betreff: x",
            "-----Original Message-----",
            "--- Forwarded message ---",
            "\r\x0b",
        ),
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.text(),
        st.lists(_LINE, max_size=30).map("\n".join),
        st.text(alphabet="> -_:\n1a\r\u2028"),
    )
)
def test_the_segments_joined_are_the_text(text: str) -> None:
    assert "".join(each.text for each in segments(text)) == text


def kinds(text: str) -> list[tuple[Kind, str]]:
    return [(each.kind, each.text) for each in segments(text)]


def test_an_answer_above_its_quotation() -> None:
    text = (
        "Fine.\n\n-- \nBo\n\nOn Wed, 18 Nov 2026 at 15:46, Ada Lovelace\n<ada@example.org> wrote:\n"
        "\n> one\n>> two\n>\n> three\n"
    )
    begin = text.index("On Wed")
    assert kinds(text) == [
        (OWN, "Fine.\n\n"),
        (SIGNATURE, "-- \nBo\n\n"),
        (QUOTE, text[begin:]),
    ]
    assert not segments(text)[-1].is_open


@pytest.mark.parametrize(
    "head",
    [
        "From: Ada <a@b.example>\nSent: Monday, 3 May\nTo: Bo\nSubject: x",
        "*From:* Ada\n*Sent:* Monday\n*To:* Bo\n*Subject:* x",
        "Von: Ada\nGesendet: Montag, 3. Mai\nAn: Bo\nBetreff: x",
        "De : Ada\nEnvoyé : lundi 3 mai\nÀ : Bo\nObjet : x",
        "De: Ada\nEnviado el: lunes\nPara: Bo\nAsunto: x",
        "Da: Ada\nInviato: lunedì\nA: Bo\nOggetto: x",
        "Van: Ada\nVerzonden: maandag\nAan: Bo\nOnderwerp: x",
        "Od: Ada\nWysłano: poniedziałek\nDo: Bo\nTemat: x",
        "От: Ada\nОтправлено: 3 мая\nКому: Bo\nТема: x",
        "发件人: Ada\n发送时间: 2026年5月3日\n收件人: Bo\n主题: x",
        "差出人: Ada\n送信日時: 2026年5月3日\n宛先: Bo\n件名: x",
        "-----Original Message-----\nFrom: Ada",
        "-----Ursprüngliche Nachricht-----\nVon: Ada",
        "-----Message d'origine-----\nDe : Ada",
        "________________________________\nFrom: Ada\nSent: Monday\nTo: Bo",
    ],
)
def test_the_blocks_of_outlook_are_quotations(head: str) -> None:
    rest = head + "\n\nWhat Ada wrote.\nMore.\n"
    assert kinds("My answer.\n\n" + rest) == [(OWN, "My answer.\n\n"), (QUOTE, rest)]


@pytest.mark.parametrize(
    "text",
    [
        "From: the beginning it was clear.\nTo: no avail.\n",
        "A list:\n- one\n-- two\n",
        "a > b\n --\n",
        "-- \n" + "A long text below a rule.\n" * 20,
        "He said -----Original Message----- once.\n",
    ],
)
def test_what_only_looks_alike_is_ones_own(text: str) -> None:
    assert {kind for kind, _ in kinds(text)} == {OWN}


def test_a_short_quotation_that_is_answered_stays_open() -> None:
    text = "> Shall we?\nYes.\n" + "> " + "\n> ".join(["long"] * 20) + "\nNo.\n> And?\n"
    assert [each.is_open for each in segments(text) if each.kind is QUOTE] == [True, False, False]


def test_what_is_all_there_is_stays_open() -> None:
    assert [each.is_open for each in segments("> one\n> two\n")] == [True]
    forwarded = "FYI\n\n---------- Forwarded message ---------\nFrom: Ada\n\nText\n"
    assert [each.is_open for each in segments(forwarded)] == [False, True]


@pytest.mark.parametrize(
    "end",
    [
        "-- \nAda Lovelace\n+44 20 7946 0000\n",
        "--\nAda\n",
        "Sent from my iPhone\n",
        "Von meinem iPad gesendet\n",
        "_" * 47 + "\nanalysts mailing list\nhttps://lists.example.org/\n",
    ],
)
def test_signatures(end: str) -> None:
    assert kinds("Hello.\n\n" + end) == [(OWN, "Hello.\n\n"), (SIGNATURE, end)]


def test_a_sentence_above_a_quotation_is_no_attribution() -> None:
    text = "I disagree with this sentence:\n> All is well.\nIt is not.\n"
    assert kinds(text)[0] == (OWN, "I disagree with this sentence:\n")
