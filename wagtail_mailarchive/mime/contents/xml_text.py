"""From the XML of office documents to text, in one pass that keeps nothing but the text.

Expat alone: a document type declaration, without which no entity can be declared, is refused, and
so are elements nested deeper than any program writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from xml.parsers import expat

from . import limits
from .content import State, Unreadable

# Called with the local name of an element that begins, and its attributes by local name.
Start = Callable[[str, dict[str, str]], None]


def walk(
    chunks: Iterable[bytes],
    *,
    start: Start,
    end: Callable[[str], None],
    text: Callable[[str], None],
) -> None:
    """Read a document in pieces; names come without namespaces.

    Raises:
        Unreadable: it is not well-formed, declares a document type, or nests too deep.
    """
    depth = 0

    def started(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > limits.XML_DEPTH:
            raise Unreadable(State.FAILED)
        start(_local(name), {_local(key): value for key, value in attributes.items()})

    def ended(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(_local(name))

    def refused(*declaration: object) -> None:
        raise Unreadable(State.FAILED)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = started
    parser.EndElementHandler = ended
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refused
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError:
        raise Unreadable(State.FAILED) from None


def _local(name: str) -> str:
    return name.rpartition(":")[2]
