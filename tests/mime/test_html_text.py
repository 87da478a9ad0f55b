"""HTML to text."""

from __future__ import annotations

import pytest

from wagtail_mailarchive.mime.html_text import html_to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<p>one<p>two", "one\n\ntwo"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("a<br><br><br>b", "a\n\nb"),
        ("<div>a</div><div>b</div>", "a\nb"),
        ("  much \n\t space&nbsp;&nbsp;here ", "much space here"),
        ("<b>bo</b>ld", "bold"),
        ("<ul><li>a<li><p>b</p></ul>", "- a\n- b"),
        ("<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><th>c</th></tr></table>", "a b\nc"),
        ('<a href="https://example.org/">a link</a>', "a link"),
        ("a<blockquote>b<br>c</blockquote>d", "a\n\n> b\n> c\n\nd"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("&lt;p&gt; &amp; &eacute; &#8364; &nosuch;", "<p> & é € &nosuch;"),
        ('<img src="x" alt="A cat">', "A cat"),
        # What is no text of the message.
        ("<title>t</title><style>p {}</style><script>1 < 2</script>x", "x"),
        ("<STYLE>p > a {}</STYLE >x", "x"),
        ("<title/>x", "x"),
        ("<script>never ends", ""),
        ("a<!-- b > --> c", "a c"),
        ("<!doctype html><?xml version='1'?><![if !mso]>x<![endif]>", "x"),
        ("a\u200b\u034f\ufeffb", "ab"),
        # Markup that is none, or is broken.
        ("1 < 2 and <3", "1 < 2 and <3"),
        ('<a title="a > b">c</a>', "c"),
        ("<a title='a \"> b'>c</a>", "c"),
        ('<p class=x">a</p>', "a"),
        ("a<b", "a"),
        ("a<!-- b", "a"),
        ("</p></ul></blockquote></pre>a", "a"),
        ("", ""),
    ],
)
def test_html_becomes_readable_text(html: str, text: str) -> None:
    assert html_to_text(html) == text


def test_character_references_without_measure_stay_as_they_are() -> None:
    reference = "&#" + "9" * 10_000 + ";"

    assert html_to_text(reference) == reference
