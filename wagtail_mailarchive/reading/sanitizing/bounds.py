"""Refuse HTML that is made to be slow to parse, before any parser sees it.

Measured: 100,000 nested `<div>` keep lexbor busy for 30 s and nh3 for 23 s, because each tag
walks the stack of open elements. A thousand unclosed `<b x=1>`, `<b x=2>`, ... before a thousand
`<p>x` become a million elements, because each paragraph opens them all again (HTML standard,
"reconstruct the active formatting elements"). Both grow with the square of a mail's length, and
no parser offers a limit of its own.

This scan reads the tags once, as the standard's tokenizer would, and adds up what a parser may
have to do at most. It errs on the high side only: an end tag counts as closing where it directly
matches the last start tag, everything else counts as open for ever. Ordinary sloppy mail (no
`</tr>`, `</td>` or `</li>` anywhere) stays far below the bounds.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from .policy import MAX_ATTRIBUTES_PER_TAG, MAX_TAGS, words

# Steps along the stack of open elements, about 6 ns each in lexbor.
MAX_STACK_STEPS: Final = 30_000_000
# Elements opened again, about 0.4 kB each in lexbor.
MAX_REOPENED: Final = 500_000

_ATTRIBUTE = r"""
    [^\t\n\f\r\ />][^\t\n\f\r\ />=]*+
    (?:
        [\t\n\f\r ]*+=[\t\n\f\r ]*+
        (?:"[^"]*+(?:"|\Z) | '[^']*+(?:'|\Z) | [^\t\n\f\r >"'][^\t\n\f\r >]*+ | (?=>))
    )?+
"""
_TOKEN: Final = re.compile(
    rf"""
    <(?:
        !--(?:-?>|.*?(?:--!?>|\Z))
      | (?:[!?]|/(?![a-zA-Z]))[^>]*+(?:>|\Z)
      | (/?)([a-zA-Z][^\t\n\f\r />]*+)((?:[\t\n\f\r /]++|{_ATTRIBUTE})*+)(?:>|\Z)
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_ONE_ATTRIBUTE: Final = re.compile(_ATTRIBUTE, re.VERBOSE)
_START: Final = re.compile(r"<[a-zA-Z]")

_FORMATTING: Final = words("a b big code em font i nobr s small strike strong tt u")
_VOID: Final = words(
    """
    area base basefont bgsound br col embed frame hr image img input keygen link meta param source
    track wbr
    """
)
# A second one closes the first.
_CLOSED_BY_THE_NEXT: Final = words("dd dt li p td th tr")
# Neither opened nor closed by a second tag of their name.
_SINGLE: Final = frozenset({"html", "head", "body"})
_RAW_TEXT: Final = words(
    "iframe noembed noframes noscript plaintext script style textarea title xmp"
)
# Within these other rules hold (CDATA, self-closing tags, ignored tags).
_OTHER_RULES: Final = frozenset({"frameset", "math", "svg", "template"})
# How far back an end tag is looked for; further back it is not honoured, which errs on the high
# side too.
_LOOK_BACK: Final = 50
# A tag has to be this long to hold more attributes than allowed.
_MANY_ATTRIBUTES: Final = 2 * MAX_ATTRIBUTES_PER_TAG


def is_bounded(html: str) -> bool:
    """Tell whether every parser is through `html` in time and memory linear to its length.

    Args:
        html: at most `policy.MAX_CHARACTERS`.
    """
    open_tags: list[str] = []
    depth = formatting = steps = reopened = tags = position = 0
    end_tags_count = True
    while (token := _TOKEN.search(html, position)) is not None:
        position = token.end()
        end, name, attributes = token.groups()
        if name is None:
            continue
        tags += 1
        steps += depth
        reopened += formatting
        if tags > MAX_TAGS or steps > MAX_STACK_STEPS or reopened > MAX_REOPENED:
            return False
        if len(attributes) > _MANY_ATTRIBUTES and _has_many(attributes):
            return False
        name = name.lower()
        if end:
            if end_tags_count and open_tags:
                if open_tags[-1] == name:
                    open_tags.pop()
                    depth -= 1
                    formatting -= name in _FORMATTING
                elif name in open_tags[-_LOOK_BACK:]:
                    # Closed in the wrong order: what became of it is the parser's secret.
                    while open_tags.pop() != name:
                        pass
            continue
        if name in _SINGLE:
            continue
        if end_tags_count and name in _RAW_TEXT:
            # Whether this is text depends on where the parser stands; so start tags in it count
            # and end tags do not.
            closing = re.compile(rf"</{name}(?=[\t\n\f\r />])", re.IGNORECASE).search(
                html, position
            )
            stop = closing.start() if closing else len(html)
            inner = len(_START.findall(html, position, stop))
            if name == "script" and html.find("<!--", position, stop) >= 0:
                end_tags_count = False  # script data double escaped state
            depth += inner
            formatting += inner
            steps += depth * inner
            tags += inner
            position = stop
            continue
        if name in _OTHER_RULES:
            end_tags_count = False
        if end_tags_count and name in _VOID:
            continue
        if end_tags_count and name in _CLOSED_BY_THE_NEXT and open_tags and open_tags[-1] == name:
            continue
        depth += 1
        formatting += name in _FORMATTING
        open_tags.append(name)
    return True


def _has_many(attributes: str) -> bool:
    found = _ONE_ATTRIBUTE.finditer(attributes)
    return next(islice(found, MAX_ATTRIBUTES_PER_TAG, None), None) is not None
