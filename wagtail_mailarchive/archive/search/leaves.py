"""A term -> what the index is asked for: the same for every backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from .marks import is_whole_address, sender_mark, tag_mark
from .query import Field, Term
from .words import atoms

_TAGS = {Field.FROM: "from", Field.TO: "to", Field.LIST: "list"}
_CJK_TAGS = {Field.SUBJECT: "subject", Field.FILE: "file"}


@dataclass(frozen=True, slots=True)
class Words:
    """Words as the engine splits them, side by side, anywhere, in subjects or in file names."""

    words: tuple[str, ...]
    field: Field


@dataclass(frozen=True, slots=True)
class Pairs:
    """Words of the column `cjk`, side by side."""

    words: tuple[str, ...]
    is_prefix: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A word of ours; see `marks`."""

    word: str
    is_prefix: bool = False


Leaf: TypeAlias = Words | Pairs | Mark


def leaves(term: Term) -> list[Leaf]:
    """Return what a message has to hold, all of it; at least one."""
    address = term.text.strip("<>")
    if term.field is Field.FROM and is_whole_address(address):
        return [Mark(sender_mark(address))]
    if term.field is Field.TAG:
        return [Mark(tag_mark(" ".join(term.words)))]
    found: list[Leaf] = []
    for atom in atoms(term.words):
        tag = _TAGS.get(term.field) or (_CJK_TAGS.get(term.field) if atom.is_cjk else None)
        if tag is not None:
            found += [Mark(tag + word, atom.is_prefix) for word in atom.words]
        elif atom.is_cjk:
            found.append(Pairs(atom.words, atom.is_prefix))
        else:
            found.append(Words(atom.words, term.field))
    return found
