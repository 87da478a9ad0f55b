"""Readers' notes beside a message: which there are, and where in its text they belong.

The server marks the passages, so that paper, browsers without JavaScript and screen readers have
them. `collaboration.annotations` takes what readers write.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from ..archive.quotations import Quotation, find
from ..models import Annotation, EmailMessagePage
from ..models.annotation import MOST_OF_MESSAGE
from .addresses import route_address
from .html_document import REFERENCE_CLASS
from .passages import Passage, ShownText, compact, places


@dataclass(frozen=True, slots=True)
class Note:
    """A note as it is shown.

    Attributes:
        number: in the order of the text, from 1, of the notes that this reader sees.
        address: of its own page, for replies and changes.
    """

    number: int
    annotation: Annotation
    replies: list[Annotation]
    address: str

    @property
    def quotation(self) -> Quotation:
        it = self.annotation
        return Quotation(it.exact, it.prefix, it.suffix, it.start, it.end)


def notes_of(page: EmailMessagePage, request: HttpRequest) -> list[Note]:
    """Return the notes that the reader of a message sees, in the order of the text.

    One query, and another for replies where there are notes.
    """
    visible = Annotation.objects.visible_to(request.user)
    # As many of all readers and as many of this one's own.
    found = list(
        visible.notes().filter(message=page).order_by("start", "pk")[: 2 * MOST_OF_MESSAGE]
    )
    replies: defaultdict[int | None, list[Annotation]] = defaultdict(list)
    if found:
        for reply in visible.filter(parent__in=found).order_by("pk"):
            replies[reply.parent_id].append(reply)
    base = route_address(page, request, "annotations") if found else ""
    return [
        Note(number, each, replies[each.pk], f"{base}{each.pk}/")
        for number, each in enumerate(found, start=1)
    ]


def text_with_notes(
    shown: SafeString, text: str, notes: Sequence[Note]
) -> tuple[SafeString, frozenset[int]]:
    """Return `shown`, which `text_as_html` made of `text`, with the notes' passages marked.

    And the numbers of the notes whose passage the text does not hold any more.
    """
    if not notes:
        return shown, frozenset()
    found = [(each.number, each.quotation, find(text, each.quotation)) for each in notes]
    spans = [(number, at, at + len(each.exact)) for number, each, at in found if at is not None]
    begins = places(text, [start for _, start, _ in spans])
    passages = [
        Passage(number, begin, begin + len(compact(text[start:end])))
        for (number, start, end), begin in zip(spans, begins, strict=True)
    ]
    keys = {each.number: each.annotation.pk for each in notes}
    whole = ShownText(shown).marked(passages, lambda number: _link_to_note(number, keys[number]))
    lost = frozenset(number for number, _, at in found if at is None)
    # Escaped by `text_as_html`, and again what is between the marks.
    return mark_safe(whole), lost  # noqa: S308


def html_with_notes(html: str, notes: Sequence[Note]) -> str:
    """Return sanitised `html` with the passages marked that it holds, by number alone.

    The frame around it cannot lead its reader to the notes, which stand beside the frame.
    """
    if not notes:
        return html
    body = ShownText(html)
    passages = []
    for note in notes:
        it = note.quotation
        exact = compact(it.exact)
        # Blanks are left out of everything; where it stood is as good as a guess then.
        around = (compact(it.prefix), compact(it.suffix))
        at = find(body.text, Quotation(exact, *around, it.start, it.end))
        if at is not None:
            passages.append(Passage(note.number, at, at + len(exact)))
    return body.marked(passages, _number_of_note)


def _link_to_note(number: int, key: int) -> str:
    return format_html(
        '<sup class="{}"><a href="#note-{}" aria-label="{}">{}</a></sup>',
        REFERENCE_CLASS,
        key,
        gettext("Note %(number)s") % {"number": number},
        number,
    )


def _number_of_note(number: int) -> str:
    return format_html('<sup class="{}">{}</sup>', REFERENCE_CLASS, number)
