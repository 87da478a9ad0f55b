"""From HTML mail to text that reads well and can be indexed.

No tree is built. Tree builders take quadratic time on mail made to hurt them (100,000 nested
`<div>` or attributes take selectolax half a minute), and for text the order of tags is enough:
this is one pass that never looks back. It is for reading and indexing only; nothing here makes
HTML safe to show.
"""

from __future__ import annotations

import html
import re

from . import limits

_MARKUP = re.compile(r"<(?:(/?)([a-zA-Z][^\s/>]*)|(!--)|[!?/])")
# The rest of a tag. As browsers do, only a value directly behind "=" can be quoted. A tag without
# an end takes all that follows, so that this always matches and never looks at text twice.
_TAG_REST = re.compile(r"""[^>=]*+(?:=(?:\s*"[^"]*"|\s*'[^']*')?[^>=]*+)*+(?:>|\Z)""")
_ALT = re.compile(r"""[\s"']alt\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.I)
_BLANKS = re.compile(r"[ \t\n\r\f\u00a0]+")
# Fillers that newsletters put behind their preview text.
_INVISIBLE = re.compile("[\u00ad\u034f\u200b\u2060\ufeff]+")

# What is inside these is no text of the message.
_ENDS = {name: re.compile(rf"</{name}(?=[\s/>])", re.I) for name in ("script", "style", "title")}
_PARAGRAPHS = frozenset({
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "pre", "figure",
    "fieldset", "hr",
})  # fmt: skip
_LINES = frozenset({
    "div", "br", "tr", "dt", "dd", "section", "article", "header", "footer", "main", "nav",
    "aside", "address", "form", "center", "caption", "thead", "tbody", "tfoot", "figcaption",
    "body", "option",
})  # fmt: skip
_QUOTES_DEEP = 20


def html_to_text(source: str) -> str:
    """Return the text of an HTML document: paragraphs, lists, rows, ">" before quotations."""
    source = source[: limits.HTML_CHARACTERS]
    writer = _Writer()
    position = 0
    while markup := _MARKUP.search(source, position):
        if markup.start() > position:
            writer.text(source[position : markup.start()])
        position = _behind(source, markup)
        if name := markup[2]:
            name = name.lower()
            if markup[1]:
                writer.close(name)
            elif name == "img":
                writer.image(source[markup.start() : position])
            elif name in _ENDS and source[position - 2 : position] != "/>":
                end = _ENDS[name].search(source, position)
                position = end.start() if end else len(source)
            else:
                writer.open(name)
    writer.text(source[position:])
    return writer.finish()


def _behind(source: str, markup: re.Match[str]) -> int:
    """Return the offset behind a tag, a comment or a declaration; the end if it has none."""
    if markup[2]:
        rest = _TAG_REST.match(source, markup.end())
        return rest.end() if rest else len(source)
    mark = "-->" if markup[3] else ">"
    end = source.find(mark, markup.end())
    return end + len(mark) if end >= 0 else len(source)


def _unescaped(text: str) -> str:
    if "&" not in text:
        return text
    try:
        return html.unescape(text)
    except ValueError:  # a character reference of thousands of digits
        return text


class _Writer:
    """Lines of text, put together from pieces."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.pieces: list[str] = []  # of the line at hand
        self.gap = False  # an empty line is due before the next one
        self.marker = ""  # of the list item at hand, until its first line
        self.numbers: list[int | None] = []  # per open list: the last number, None if unordered
        self.quotes = 0
        self.quoted = ""  # the mark of quotation before the last line written
        self.preformatted = 0

    def text(self, source: str) -> None:
        text = _unescaped(source)
        if not self.preformatted:
            self.pieces.append(text)
            return
        *whole, rest = text.split("\n")
        for line in whole:
            self.pieces.append(line)
            self.end_line()
        self.pieces.append(rest)

    def image(self, tag: str) -> None:
        if alt := _ALT.search(tag):
            self.pieces.append(_unescaped(alt[1] or alt[2] or alt[3] or ""))

    def open(self, name: str) -> None:
        if name == "br":
            if not self.end_line():
                self.gap = True
        elif name in _LINES:
            self.end_line()
        elif name in ("td", "th"):
            self.pieces.append(" ")
        elif name == "li":
            self.end_line()
            self.marker = self.next_marker()
        elif name == "blockquote":
            self.end_paragraph()
            self.quotes += 1
        elif name in _PARAGRAPHS:
            self.end_paragraph()
            if name in ("ul", "ol"):
                self.numbers.append(0 if name == "ol" else None)
            elif name == "pre":
                self.preformatted += 1

    def close(self, name: str) -> None:
        if name in _LINES or name == "li":
            self.end_line()
        elif name == "blockquote":
            self.end_paragraph()
            self.quotes = max(0, self.quotes - 1)
        elif name in _PARAGRAPHS:
            self.end_paragraph()
            if name in ("ul", "ol") and self.numbers:
                self.numbers.pop()
            elif name == "pre":
                self.preformatted = max(0, self.preformatted - 1)

    def next_marker(self) -> str:
        if not self.numbers or (number := self.numbers[-1]) is None:
            return "- "
        self.numbers[-1] = number + 1
        return f"{number + 1}. "

    def end_paragraph(self) -> None:
        self.end_line()
        # An item's first paragraph stands beside its marker.
        self.gap = self.gap or not self.marker

    def end_line(self) -> bool:
        """Write the line at hand; False if there is nothing to see in it."""
        line = _INVISIBLE.sub("", "".join(self.pieces))
        self.pieces.clear()
        line = line.rstrip() if self.preformatted else _BLANKS.sub(" ", line).strip()
        if not line:
            return False
        quotes = "> " * min(self.quotes, _QUOTES_DEEP)
        if self.gap and self.lines:
            self.lines.append(min(quotes, self.quoted).rstrip())
        self.lines.append(quotes + self.marker + line)
        self.gap = False
        self.marker = ""
        self.quoted = quotes
        return True

    def finish(self) -> str:
        self.end_line()
        return "\n".join(self.lines)
