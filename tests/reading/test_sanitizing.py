"""What the sanitiser keeps, and what neither engine ever lets through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from time import process_time
from typing import Any, get_args

import pytest
import tinycss2  # type: ignore[import-untyped]
from bleach._vendor import html5lib  # type: ignore[import-not-found]
from selectolax.lexbor import LexborHTMLParser, LexborNode

from tests.reading import payloads
from wagtail_mailarchive.reading.sanitizing import Engine, Refusal, SanitizedHtml, sanitize
from wagtail_mailarchive.reading.sanitizing.policy import (
    ATTRIBUTES,
    ATTRIBUTES_OF_ALL,
    LINK_SCHEMES,
    STYLE_FUNCTIONS,
    STYLE_PROPERTIES,
    TAGS,
)

pytestmark = pytest.mark.parametrize("engine", get_args(Engine))

PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
INLINE = "https://wiki.example.org/mail/7/inline/"


def show(engine: Engine, html: str, *, remote_images: bool = False) -> SanitizedHtml:
    def inline_image(content_id: str) -> str | None:
        return None if content_id == "missing" else f"{INLINE}?cid={content_id}&sig=a:b"

    return sanitize(html, engine=engine, inline_image=inline_image, remote_images=remote_images)


def first(engine: Engine, html: str, selector: str, **kwargs: bool) -> dict[str, str | None]:
    """Return the attributes of the first element in the output that matches."""
    return LexborHTMLParser(show(engine, html, **kwargs).html).css(selector)[0].attributes


def reread(html: str) -> LexborNode:
    body = LexborHTMLParser(html).body
    assert body is not None
    return body


def elements(html: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each element of `html` as html5lib, not used for sanitising with nh3, reads it."""
    tree: Any = html5lib.parseFragment(html, namespaceHTMLElements=False)
    for element in tree.iter():
        if element is not tree:
            yield str(element.tag), dict(element.attrib)


def violations(html: str) -> list[str]:
    """Return what in `html` the policy does not allow, by a reading of our own."""
    found = []
    for tag, attributes in elements(html):
        if tag not in TAGS:
            found.append(f"element {tag}")
        for name, value in attributes.items():
            if name not in ATTRIBUTES_OF_ALL | ATTRIBUTES.get(tag, frozenset()):
                found.append(f"attribute {tag} {name}")
            elif name == "href" and value.partition(":")[0].lower() not in LINK_SCHEMES:
                found.append(f"link {value}")
            elif name in ("src", "background") and not re.match(
                rf"{re.escape(INLINE)}|data:image/(png|gif|jpe?g|webp);base64,", value
            ):
                found.append(f"image {value}")
            elif name == "style":
                found += style_violations(value)
    return found


def style_violations(style: str) -> list[str]:
    found = []
    for node in tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True):
        if node.type != "declaration" or node.lower_name not in STYLE_PROPERTIES:
            found.append(f"declaration {node.serialize()}")
            continue
        for token in node.value:
            if token.type == "url" and not token.value.startswith((INLINE, "data:image/")):
                found.append(f"style address {token.value}")
            elif token.type == "function" and token.lower_name not in STYLE_FUNCTIONS | {"url"}:
                found.append(f"function {token.lower_name}")
            elif token.type == "function" and token.lower_name == "url":
                addresses = [getattr(each, "value", "") for each in token.arguments]
                found += [
                    f"style address {address}"
                    for address in addresses
                    if not address.startswith((INLINE, "data:image/"))
                ]
    return found


# -- what must not pass --------------------------------------------------------------------------


def test_the_reading_that_looks_for_violations_sees_them(engine: Engine) -> None:
    raw = payloads.own("window.hit=1", "https://evil.example")
    unseen = [payload for payload in raw if not violations(payload)]
    # Those that hide in what a fragment's parser takes for text, a comment or nothing.
    assert len(unseen) < len(raw) / 10, unseen
    assert violations(show(engine, "<p style='color:red'>x").html) == []


@pytest.mark.parametrize("payload", payloads.own("window.hit=1", "https://evil.example"))
def test_own_payload_leaves_nothing_outside_the_policy(engine: Engine, payload: str) -> None:
    assert violations(show(engine, payload).html) == []


@pytest.mark.skipif(not payloads.DOMPURIFY.exists(), reason=f"no corpus at {payloads.DOMPURIFY}")
def test_dompurify_payloads_leave_nothing_outside_the_policy(engine: Engine) -> None:
    corpus = payloads.dompurify()
    assert len(corpus) > 200
    failed = {p: v for p in corpus if (v := violations(show(engine, p).html))}
    assert failed == {}


@pytest.mark.skipif(not payloads.DOMPURIFY.exists(), reason=f"no corpus at {payloads.DOMPURIFY}")
def test_output_stays_within_the_policy_when_parsed_and_written_again(engine: Engine) -> None:
    corpus = payloads.dompurify() + payloads.own("window.hit=1", "https://evil.example")
    for payload in corpus:
        html = show(engine, payload).html
        for _ in range(2):  # mutation XSS shows at the second or third reading
            html = reread(html).inner_html or ""
            assert violations(html) == [], payload


def test_payloads_hidden_in_attributes_of_other_payloads_stay_hidden(engine: Engine) -> None:
    for payload in payloads.own("window.hit=1", "https://evil.example"):
        nested = f'<p title="{payload.replace(chr(34), "&quot;")}">x</p>' + payload
        assert violations(show(engine, nested).html) == []


def test_names_for_script_to_find_are_dropped(engine: Engine) -> None:
    html = show(engine, "<a name=x id=y class=z data-q=1>x</a><img name=cookie>").html
    assert not re.search(r"name=|id=|class=|data-", html)


def test_text_of_scripts_styles_and_titles_is_gone(engine: Engine) -> None:
    html = "<title>TT</title><style>SS</style><p>kept</p><script>CC</script><svg>VV</svg>"
    shown = show(engine, html).html
    assert "kept" in shown
    assert not re.search("TT|SS|CC|VV", shown)


def test_text_of_other_unknown_elements_stays(engine: Engine) -> None:
    assert "see" in show(engine, "<o:p><form><blink>see</blink></form></o:p>").html


def test_what_would_be_a_tag_stays_text(engine: Engine) -> None:
    shown = show(engine, "1 &lt;script&gt; 2 < 3 &amp;lt;b&amp;gt;").html
    assert reread(shown).text() == "1 <script> 2 < 3 &lt;b&gt;"


# -- what has to survive -------------------------------------------------------------------------


def test_table_layout_of_a_newsletter_survives(engine: Engine) -> None:
    html = (
        '<center><table width="600" cellpadding="0" cellspacing="4" border="0" align="center" '
        'bgcolor="#FFEEDD" role="presentation"><tr valign="top"><td width="50%" colspan="2" '
        'rowspan="3" nowrap height="20"><font color="red" face="Arial, \'Segoe UI\'" size="+2">x'
        "</font></td></tr></table></center>"
    )
    assert LexborHTMLParser(show(engine, html).html).css_matches("center > table")
    assert first(engine, html, "table") == {
        "width": "600",
        "cellpadding": "0",
        "cellspacing": "4",
        "border": "0",
        "align": "center",
        "bgcolor": "#FFEEDD",
        "role": "presentation",
    }
    assert set(first(engine, html, "td")) == {"width", "colspan", "rowspan", "nowrap", "height"}
    assert first(engine, html, "font") == {
        "color": "red",
        "face": "Arial, 'Segoe UI'",
        "size": "+2",
    }


def test_looks_and_language_of_body_move_to_the_div_around_it(engine: Engine) -> None:
    html = (
        "<html lang=ar dir=rtl><body bgcolor=336699 text=white background=cid:bg "
        "style='margin:0;position:fixed'><p>x</p></body></html>"
    )
    attributes = first(engine, html, "body > div")
    assert attributes["dir"] == "rtl"
    assert attributes["lang"] == "ar"
    assert attributes["style"] == (
        f'background-color:#336699;color:white;background-image:url("{INLINE}?cid=bg&sig=a:b")'
        ";margin:0"
    )


@pytest.mark.parametrize(
    ("style", "kept"),
    [
        ("COLOR: Red; position: absolute; z-index: 3", "color:Red"),
        ("font:12px/1.5 'Segoe UI',Arial!important", 'font:12px/1.5 "Segoe UI",Arial !important'),
        ("color:rgb(1, 2, 3)", "color:rgb(1, 2, 3)"),
        ("width:calc(100% - 2px)", "width:calc(100% - 2px)"),
        ("c\\6flor:red;p\\6fsition:fixed", "color:red"),
        ("mso-line-height-rule:exactly;line-height:20px", "line-height:20px"),
        ("background:#fff url(https://x.example/y) no-repeat", "background:#fff none no-repeat"),
        ("background:linear-gradient(red, blue)", "background:linear-gradient(red, blue)"),
        ('background-image:url( "cid:a" )', f'background-image:url("{INLINE}?cid=a&sig=a:b")'),
        ("color:url(cid:a);margin:0", "margin:0"),
        ("width:expression(1);color:red", "color:red"),
        ("color:var(--x);color:attr(title);color:env(x)", None),
        ("color:calc(calc(calc(calc(calc(calc(1))))))", None),
        ("color:red;}p{color:blue", "color:red"),
        ("color:</style><script>", None),
    ],
)
def test_style_keeps_allowed_declarations_only(
    engine: Engine, style: str, kept: str | None
) -> None:
    html = f'<p style="{style.replace(chr(34), "&quot;")}">x</p>'
    assert first(engine, html, "p").get("style") == kept


@pytest.mark.parametrize(
    ("href", "kept"),
    [
        ("https://example.org/a?b=1&c=2&copy=3", "https://example.org/a?b=1&c=2&copy=3"),
        (" http://example.org/\n", "http://example.org/"),
        ("//example.org/x", "https://example.org/x"),
        ("mailto:a@example.org?subject=x", "mailto:a@example.org?subject=x"),
        ("tel:+43123", "tel:+43123"),
        ("https:admin/logout", None),
        ("/admin/logout", None),
        ("#top", None),
        ("ftp://example.org/", None),
    ],
)
def test_links_lead_outside_in_a_new_window(engine: Engine, href: str, kept: str | None) -> None:
    attributes = first(engine, f'<a href="{href.replace("&", "&amp;")}">x</a>', "a")
    if kept is None:
        assert attributes == {}
    else:
        assert attributes == {
            "href": kept,
            "target": "_blank",
            "rel": "noopener noreferrer nofollow",
        }


# -- images --------------------------------------------------------------------------------------


def test_inline_images_get_the_address_the_caller_gives(engine: Engine) -> None:
    html = '<img src="CID:a%40b" alt="A" width="9"><td background="cid:c">'
    assert first(engine, html, "img") == {
        "src": f"{INLINE}?cid=a@b&sig=a:b",
        "alt": "A",
        "width": "9",
    }


def test_missing_inline_image_leaves_its_alternative_text(engine: Engine) -> None:
    result = show(engine, '<img src="cid:missing" alt="Logo">')
    assert 'alt="Logo"' in result.html
    assert "src" not in result.html
    assert result.blocked_remote == 0


def test_remote_images_are_left_out_and_counted(engine: Engine) -> None:
    html = (
        "<img src=https://x.example/1.png alt=One width=10 height=20>"
        "<p style='background:url(http://x.example/2.png)'>x</p>"
        "<p style='background:url(http://x.example/2.png)'>x</p>"
        "<table background=//x.example/3.png><tr><td>x</table><img src=cid:a>"
    )
    result = show(engine, html)
    assert result.blocked_remote == 4
    assert "x.example" not in result.html
    assert first(engine, html, "img") == {"alt": "One", "width": "10", "height": "20"}


def test_remote_images_stay_when_asked_for(engine: Engine) -> None:
    html = (
        "<img src=https://x.example/1.png?a=1&amp;b=2 srcset='https://x.example/2.png 2x'>"
        "<p style='background:url(http://x.example/3.png)'>x</p>"
    )
    result = show(engine, html, remote_images=True)
    assert result.blocked_remote == 0
    assert "srcset" not in result.html
    assert first(engine, html, "img", remote_images=True) == {
        "src": "https://x.example/1.png?a=1&b=2"
    }
    assert "url(&quot;http://x.example/3.png&quot;)" in result.html


@pytest.mark.parametrize(
    ("src", "kept"),
    [
        (PIXEL, True),
        (PIXEL.replace("R0l", "R0l\n "), True),
        ("data:image/svg+xml;base64,PHN2Zy8+", False),
        ("data:text/html;base64,PHN2Zy8+", False),
        ("data:image/png,<svg>", False),
        ("logo.png", False),
        ("/media/private.png", False),
        ("file:///etc/passwd", False),
    ],
)
def test_data_images_are_raster_images_and_nothing_is_relative(
    engine: Engine, src: str, kept: bool
) -> None:
    attributes = first(engine, f'<img alt=x src="{src}">', "img")
    assert attributes.get("src") == (PIXEL if kept else None)
    assert attributes["alt"] == "x"


# -- bounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "html",
    [
        pytest.param("<p>x" * 600_000, id="too-large"),
        pytest.param("<div>" * 400_000, id="nested"),
        pytest.param("<div><!--</div>-->" * 50_000, id="end tags in comments"),
        pytest.param("<div title='</div>'>" * 50_000, id="end tags in attributes"),
        pytest.param("<span><p></span></p>" * 20_000, id="end tags in vain"),
        pytest.param("<svg>" + "<g><![CDATA[</g>]]>" * 50_000, id="end tags in CDATA"),
        pytest.param("<title>" + "<div>" * 9 + "</title><div>" * 40_000, id="titles"),
        pytest.param(
            "<p>" + "".join(f"<b x={n}>" for n in range(3_000)) + "<p>x" * 30_000, id="reopened"
        ),
        pytest.param("<b " + " ".join(f"a{n}" for n in range(100_000)) + ">", id="attributes"),
        pytest.param("<a " * 600_000, id="one unfinished tag"),
        pytest.param("<br>" * 90_000, id="elements"),
        pytest.param("<p><br></p>" * 11_000, id="siblings"),
        pytest.param("<" * 1_900_000, id="marks"),
    ],
)
def test_html_made_to_be_slow_is_refused_at_once(engine: Engine, html: str) -> None:
    before = process_time()  # which tests running beside this one do not advance
    result = show(engine, html)
    assert process_time() - before < 3
    assert result.html in ("", "<div></div>")


def test_deep_nesting_is_refused_by_name(engine: Engine) -> None:
    assert show(engine, "<div>" * 500 + "x").refused == Refusal.TOO_DEEP
    assert show(engine, "x" * 2_000_001).refused == Refusal.TOO_LARGE


@pytest.mark.parametrize(
    "html",
    [
        "<p>A paragraph nobody closes<br>" * 2_500,
        "<table>" + "<tr><td>a<td>b" * 1_000,
        "<ul>" + "<li>x" * 2_000,
        "<div>On Monday X wrote:<blockquote>" * 150,
        "<p class=MsoNormal>x<o:p></o:p></p>" * 2_500,
        "<!--[if mso]><v:rect></v:rect><![endif]-->x<br>" * 3_000,
        "<a href='https://x.example/'><table><tr><td>x</td></tr></table></a>" * 500,
    ],
)
def test_sloppy_but_ordinary_mail_is_shown(engine: Engine, html: str) -> None:
    assert show(engine, html).refused is None


def test_nul_surrogates_and_emptiness_do_no_harm(engine: Engine) -> None:
    assert show(engine, "").html == "<div></div>"
    assert "b" in show(engine, "a\x00\ud800<p title='\udfff\x00'>b</p>").html
    assert show(engine, "<frameset><frame src=x></frameset>").html in ("", "<div></div>")


def test_sanitising_again_changes_nothing(engine: Engine) -> None:
    html = "<table><tr><td style='color:red'>a &amp; b<img src=cid:a alt=x></table>"
    once = show(engine, html, remote_images=True).html
    again = show(engine, once, remote_images=True).html
    assert again.replace("<div><div>", "<div>").replace("</div></div>", "</div>") == once
