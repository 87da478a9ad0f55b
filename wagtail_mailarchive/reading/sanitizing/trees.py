"""A look at a node of lexbor's tree that costs the same for a mail of any size."""

from __future__ import annotations

from typing import Final

from selectolax.lexbor import LexborNode

GLANCE: Final = 400
_GLANCED_NODES: Final = 60


def glance(node: LexborNode) -> str:
    """Return the text that `node` begins with: at most `GLANCE` characters of its first nodes."""
    if node.is_text_node:
        return (node.text_content or "")[:GLANCE]
    pieces: list[str] = []
    length = 0
    at: LexborNode | None = node
    for _ in range(_GLANCED_NODES):
        if at is None or length >= GLANCE:
            break
        if at.is_text_node:
            pieces.append((at.text_content or "")[:GLANCE])
            length += len(pieces[-1])
        at = _next_below(at, node)
    return "".join(pieces)[:GLANCE]


def _next_below(at: LexborNode, top: LexborNode) -> LexborNode | None:
    """Return what follows `at` in document order, below `top`."""
    if at.first_child is not None:
        return at.first_child
    node: LexborNode | None = at
    while node is not None and node.mem_id != top.mem_id:
        if node.next is not None:
            return node.next
        node = node.parent
    return None
