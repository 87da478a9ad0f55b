"""Quotations and signatures of HTML mail are folded, and links that lie are told of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from wagtail_mailarchive.reading.sanitizing import (
    Engine,
    Mark,
    replaced,
    sanitize,
    without_folded,
)

TOKEN = "0123456789abcdef"
LONG = "Long ago. " * 80

engines = pytest.mark.parametrize("engine", get_args(Engine))


def shown(html: str, engine: Engine, token: str = TOKEN) -> str:
    return sanitize(html, engine=engine, inline_image=lambda _: None, token=token).html


def text_of(html: str) -> str:
    body = LexborHTMLParser(html).body
    return body.text(deep=True) if body else ""


def folds(html: str, engine: Engine) -> Sequence[tuple[Mark | None, str]]:
    """Return what begins each fold, and the text in it."""
    found = []
    for piece in shown(html, engine).split(f"{TOKEN}-")[1:]:
        mark = Mark(piece[0])
        if mark is not Mark.END:
            found.append((mark, " ".join(text_of(piece[2:]).split())))
    return found


GMAIL = (
    '<div dir="ltr">Own<br><div class="gmail_signature">Bo</div></div><br><div class="gmail_quote">'
    '<div class="gmail_attr">On Wed Ada wrote:<br></div><blockquote class="gmail_quote">Quoted'
    "</blockquote></div>"
)
OUTLOOK = (
    "<div class=WordSection1><p>Own</p><div>"
    "<div style='border:none;border-top:solid #E1E1E1 1.0pt'>"
    "<p><b>Von:</b> Ada<br><b>Gesendet:</b> Montag</p></div></div><p>Quoted</p></div><p>Footer</p>"
)
OUTLOOK_WEB = (
    '<div>Own</div><div id="Signature">Bo</div><div id="appendonsend"></div><hr>'
    '<div id="divRplyFwdMsg"><b>From:</b> Ada</div><div>Quoted</div>'
)
THUNDERBIRD = (
    '<div class="moz-cite-prefix">Am 3.5. schrieb Ada:</div><blockquote type="cite">Quoted'
    '</blockquote>Own<pre class="moz-signature">-- \nBo</pre>'
)
APPLE = (
    "<div>Own</div><div>On 3 May 2026, at 12:00, Ada wrote:</div><br>"
    f'<blockquote type="cite"><div>{LONG}</div></blockquote>'
)
YAHOO = '<div>Own</div><div id="yahoo_quoted_1" class="yahoo_quoted"><div>Quoted</div></div>'
OLD = '<p>Own</p><blockquote style="BORDER-LEFT: #000000 2px solid">Quoted</blockquote>'


@engines
@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (GMAIL, [("s", "Bo"), ("q", "On Wed Ada wrote:Quoted")]),
        (OUTLOOK, [("q", "Von: AdaGesendet: MontagQuoted")]),
        (OUTLOOK_WEB, [("s", "Bo"), ("q", "From: AdaQuoted")]),
        (THUNDERBIRD, [("o", "Am 3.5. schrieb Ada:Quoted"), ("s", "-- Bo")]),
        (APPLE, [("q", "On 3 May 2026, at 12:00, Ada wrote:" + LONG.strip())]),
        (YAHOO, [("q", "Quoted")]),
        (OLD, [("q", "Quoted")]),
        ("<blockquote type=cite>All there is</blockquote>", [("o", "All there is")]),
        ("<p>Own</p><blockquote>A saying</blockquote>", []),
        ("<p>Own</p><div style='border-top:solid'>Not a header</div><p>More</p>", []),
    ],
)
def test_the_quotations_of_mail_programs_are_folded(
    engine: Engine, html: str, expected: list[tuple[str, str]]
) -> None:
    assert [(str(mark), text) for mark, text in folds(html, engine)] == expected


_PIECE = st.sampled_from(
    [
        *(GMAIL, OUTLOOK, OUTLOOK_WEB, THUNDERBIRD, APPLE, YAHOO, OLD, "Own", "<p>Own", "<br>"),
        *("<div>", "</div>", "<table><tr><td>", "</table>", "<b>", "</b>", "<a href='http://x.test'>"),
        *("<blockquote type=cite>", "</blockquote>", '<div class="gmail_quote">', "<hr>", "<li>"),
        *('<div id="divRplyFwdMsg">', '<span class="cite">', "</span>", "</a>", "<pre>", "&lt;"),
    ]
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(_PIECE, max_size=12).map("".join), st.sampled_from(get_args(Engine)))
def test_not_a_character_is_lost_by_folding(html: str, engine: Engine) -> None:
    def details(mark: Mark) -> str:
        return "</div></details>" if mark is Mark.END else "<details><div>"

    folded = replaced(shown(html, engine), TOKEN, details)
    assert TOKEN not in folded
    assert text_of(folded) == text_of(shown(html, engine, token=""))


@engines
def test_links_that_name_another_place_tell_where_they_lead(engine: Engine) -> None:
    html = (
        '<a href="https://evil.example/">https://bank.example/</a> '
        '<a href="https://other.example/">here</a>'
    )
    marked = replaced(shown(html, engine), TOKEN, lambda mark: f"[{mark}]")
    assert ">https://bank.example/</a>[p]evil.example[r]" in marked
    assert ">here</a></div>" in marked


@engines
def test_what_a_fold_hides_counts_for_nothing(engine: Engine) -> None:
    assert text_of(without_folded(shown(GMAIL, engine), TOKEN)) == "Own"


@engines
def test_a_thousand_quotations_take_no_longer_than_their_limit(engine: Engine) -> None:
    html = "<p>Own</p>" + '<blockquote type="cite">x</blockquote><p>Own</p>' * 1000
    assert shown(html, engine).count(TOKEN) == 2 * 200
