"""Which parts of HTML mail are quotations and signatures, by the traces of the programs that wrote.

Gmail, Outlook, Apple Mail, Thunderbird, Yahoo and others name what they quote. The elements that
they name are gone once mail is sanitised, so they are looked for in the tree before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from selectolax.lexbor import LexborNode

from ..quotation_words import COLON, FORWARDED, FROM, WHO_OR_WHEN
from .marks import Mark, marked
from .trees import GLANCE, glance

# Candidates that are looked at: finding out whether one is inside of another walks up the tree.
MAX_CANDIDATES: Final = 200
# Siblings that are looked at to decide about one.
_NEIGHBOURS: Final = 6
# A quotation that is answered below it and is no longer than this stays open.
_ANSWERED_CHARACTERS: Final = 500

_TAGS: Final = frozenset({"blockquote", "div", "pre", "span", "table"})
_QUOTE_CLASS: Final = re.compile(
    r"(?:^|\s)(?:gmail_quote(?:_container)?|yahoo_quoted|protonmail_quote|tutanota_quote"
    r"|zmail_extra|moz-cite|cite)(?:\s|$)"
)
_SIGNATURE_CLASS: Final = re.compile(
    r"(?:^|\s)(?:gmail_signature|moz-signature|protonmail_signature_block|tutanota_signature)(?:\s|$)"
)
_QUOTE_ID: Final = re.compile(
    r"(?:x_)*(?:yahoo_quoted_\w+|mail-editor-reference-message-container)"
)
# From here to the end of what it stands in; ids get an "x_" with each reply.
_REST_ID: Final = re.compile(r"(?:x_)*divRplyFwdMsg")
_SIGNATURE_ID: Final = re.compile(
    r"(?:x_)*(?:Signature|ms-outlook-mobile-signature|AppleMailSignature|iCloudSignature)"
)
# Outlook draws a line above "From: ...".
_RULE_STYLE: Final = re.compile(r"border-top:\s*(?:solid|#|\d|windowtext)", re.IGNORECASE)
_QUOTE_STYLE: Final = re.compile(r"border-left[\w-]*:", re.IGNORECASE)
_TRACES: Final = (
    *(("class", _QUOTE_CLASS), ("class", _SIGNATURE_CLASS)),
    *(("id", _QUOTE_ID), ("id", _REST_ID), ("id", _SIGNATURE_ID)),
    ("style", _RULE_STYLE),
)


@dataclass(slots=True)
class _Fold:
    """Siblings from `first` to `last`, or to the end of their parent."""

    mark: Mark
    first: LexborNode
    last: LexborNode | None


def mark_folds(body: LexborNode, elements: Iterable[LexborNode], token: str) -> None:
    """Write marks around quotations and signatures below `body`.

    Args:
        elements: all below `body`, in document order.
    """
    folds = _folds(elements)
    if not folds:
        return
    _open(body, folds)
    for fold in folds:
        parent = fold.first.parent
        if parent is None:
            continue
        fold.first.insert_before(marked(token, fold.mark))
        if fold.last is None:
            parent.insert_child(marked(token, Mark.END))
        else:
            fold.last.insert_after(marked(token, Mark.END))


def _folds(elements: Iterable[LexborNode]) -> list[_Fold]:
    folds: list[_Fold] = []
    # What holds something folded: a fold of one element, or the parent of one that goes to its end.
    holders: set[int] = set()
    for candidate, element in zip(range(MAX_CANDIDATES), _candidates(elements), strict=False):
        del candidate
        fold = None if _is_below(element, holders) else _fold(element)
        if fold is None:
            continue
        if fold.last is None:
            if fold.first.parent is None:
                continue
            # Whatever is found later in this parent stands behind `first`.
            holders.add(fold.first.parent.mem_id)
        else:
            if _is_below(fold.first, holders):
                fold.first = element
            holders.add(fold.last.mem_id)
        folds.append(fold)
    return folds


def _candidates(elements: Iterable[LexborNode]) -> Iterator[LexborNode]:
    for element in elements:
        if element.tag not in _TAGS:
            continue
        given = element.attributes
        if element.tag == "blockquote" or any(
            pattern.search(given.get(name) or "") for name, pattern in _TRACES
        ):
            yield element


def _is_below(element: LexborNode, holders: set[int]) -> bool:
    node: LexborNode | None = element
    while node is not None:
        if node.mem_id in holders:
            return True
        node = node.parent
    return False


def _fold(element: LexborNode) -> _Fold | None:
    given = element.attributes
    name, classes, style = (given.get(each) or "" for each in ("id", "class", "style"))
    if _SIGNATURE_CLASS.search(classes) or _SIGNATURE_ID.fullmatch(name):
        return _Fold(Mark.SIGNATURE, element, element)
    if _REST_ID.fullmatch(name):
        return _Fold(Mark.QUOTE, _rule_before(element), None)
    if _is_quotation(element, name, classes, style):
        forwarded = FORWARDED.match(glance(element).lstrip())
        mark = Mark.OPEN_QUOTE if forwarded else Mark.QUOTE
        return _Fold(mark, _attribution_before(element), element)
    if _RULE_STYLE.search(style) and FROM.match(glance(element).lstrip()):
        return _Fold(Mark.QUOTE, _widest(element), None)
    return None


def _is_quotation(element: LexborNode, name: str, classes: str, style: str) -> bool:
    if _QUOTE_CLASS.search(classes) or _QUOTE_ID.fullmatch(name):
        return True
    if element.tag != "blockquote":
        return False
    is_cited = (element.attributes.get("type") or "").lower() == "cite"
    return is_cited or _QUOTE_STYLE.search(style) is not None


def _widest(element: LexborNode) -> LexborNode:
    """Return the outermost element below body in which nothing is said in front of `element`."""
    while (parent := element.parent) is not None and parent.tag == "div":
        before = list(_before(element))
        if len(before) == _NEIGHBOURS or any(map(_says, before)):
            break
        element = parent
    return element


# -- neighbours ------------------------------------------------------------------------------


def _rule_before(element: LexborNode) -> LexborNode:
    for before in _before(element):
        if before.tag == "hr":
            return before
        if _says(before):
            break
    return element


def _attribution_before(element: LexborNode) -> LexborNode:
    """Return what says who wrote the quotation, if that stands right in front of it."""
    for before in _before(element):
        if not _says(before):
            continue
        text = glance(before).strip()
        is_named = "moz-cite-prefix" in (before.attributes.get("class") or "")
        if is_named or (
            len(text) < GLANCE and text.endswith(COLON) and WHO_OR_WHEN.search(text) is not None
        ):
            return before
        break
    return element


def _before(element: LexborNode) -> Iterator[LexborNode]:
    node = element.prev
    for _ in range(_NEIGHBOURS):
        if node is None:
            return
        yield node
        node = node.prev


def _says(node: LexborNode) -> bool:
    return bool(glance(node).strip())


# -- what begins open ------------------------------------------------------------------------


def _open(body: LexborNode, folds: list[_Fold]) -> None:
    """Open the quotations without which nothing, or nothing that makes sense, would be left."""
    lengths = [_length(fold) for fold in folds]
    nothing_else = _written(body) == sum(lengths)
    for at, (fold, length) in enumerate(zip(folds, lengths, strict=True)):
        if fold.mark is not Mark.QUOTE:
            continue
        is_answered = fold.last is not None and (at + 1 < len(folds) or _is_followed(fold.last))
        if nothing_else or (is_answered and length <= _ANSWERED_CHARACTERS):
            fold.mark = Mark.OPEN_QUOTE


def _is_followed(last: LexborNode) -> bool:
    node: LexborNode | None = last
    while node is not None and node.tag != "body":
        after = node.next
        for _ in range(_NEIGHBOURS):
            if after is None:
                break
            if _says(after):
                return True
            after = after.next
        node = node.parent
    return False


def _length(fold: _Fold) -> int:
    length = 0
    node: LexborNode | None = fold.first
    while node is not None:
        length += _written(node)
        if fold.last is not None and node.mem_id == fold.last.mem_id:
            break
        node = node.next
    return length


def _written(node: LexborNode) -> int:
    """Return how many characters are written below `node`, blanks not counted."""
    text = (node.text_content or "") if node.is_text_node else node.text(deep=True)
    return len("".join(text.split()))
