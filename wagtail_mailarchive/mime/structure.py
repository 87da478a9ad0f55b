"""The tree of a MIME message (RFC 2046), found in one pass over its bytes.

Every part keeps its place in the original, so that later one part can be read without the rest.
The pass goes from delimiter line to delimiter line and never looks at a byte twice, however deep
multiparts are nested and however many parts have no end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from . import limits
from .headers import MESSAGE_FIELDS, PART_FIELDS, Fields, read_fields
from .parameters import Parameters, read_content_type

# The end of a header block, or a line that may be a delimiter where that end is missing.
_HEADER_STOP = re.compile(rb"\n(?:\r?\n|--)")
_GUESS_WITHIN = 64 * 1024
_DELIMITER_LIKE = re.compile(rb"\n--([^\s-][^\r\n]{0,200})")


@dataclass(slots=True)
class Entity:
    """A multipart, or a leaf.

    Attributes:
        section: as in `Part.section`; "" for a multipart at the top.
        content_type: "type/subtype", never a multipart for a leaf.
        start, end: the body's range in the original.
    """

    section: str
    fields: Fields
    content_type: str
    parameters: Parameters
    start: int
    end: int
    children: list[Entity] = field(default_factory=list)

    @property
    def is_multipart(self) -> bool:
        return self.content_type.startswith("multipart/")


@dataclass(slots=True)
class _Delimiter:
    depth: int  # of the multipart it belongs to
    start: int  # the body in front ends here
    end: int  # what follows begins here
    closing: bool


def scan(raw: bytes, defects: set[str]) -> Entity:
    """Return the top of the tree; `start` of it is the length of the header block."""
    if b"\n" not in raw:  # old Macintoshes; offsets stay the same
        raw = raw.replace(b"\r", b"\n")
    return _Scanner(raw, defects).scan()


class _Scanner:
    def __init__(self, raw: bytes, defects: set[str]) -> None:
        self.raw = raw
        self.defects = defects
        self.open: list[tuple[Entity, bytes]] = []  # multiparts, outermost first
        self.boundaries: dict[bytes, list[int]] = {}  # boundary -> their depths

    def scan(self) -> Entity:
        top = self._entity(0, "", "text/plain", MESSAGE_FIELDS)
        position = top.start
        leaf = None if self._opened(top) else top
        parts = 0
        while self.open:
            delimiter = self._next_delimiter(position)
            if delimiter is None:
                if any(multipart.children for multipart, _ in self.open):
                    self.defects.add("missing-closing-boundary")
                break
            if leaf:
                leaf.end = max(leaf.start, delimiter.start)
                leaf = None
            self._close_to(delimiter)
            position = delimiter.end
            if delimiter.closing:
                continue
            if parts == limits.PARTS:
                self.defects.add("too-many-parts")
                break
            parts += 1
            child = self._child(position)
            position = child.start
            leaf = None if self._opened(child) else child
        for multipart, _ in self.open:
            self._leave(multipart)
        if not top.is_multipart:
            top.section = "1"
        return top

    def _child(self, position: int) -> Entity:
        parent, _ = self.open[-1]
        number = len(parent.children) + 1
        section = f"{parent.section}.{number}" if parent.section else str(number)
        digest = parent.content_type == "multipart/digest"
        child = self._entity(
            position, section, "message/rfc822" if digest else "text/plain", PART_FIELDS
        )
        parent.children.append(child)
        return child

    def _entity(
        self, position: int, section: str, default: str, wanted: frozenset[bytes]
    ) -> Entity:
        header_end, body = self._header_range(position)
        fields = read_fields(self.raw[position:header_end], wanted, self.defects)
        values = fields.get("content-type")
        content_type, parameters = default, Parameters()
        if values:
            content_type, parameters = read_content_type(values[0], default)
        return Entity(section, fields, content_type, parameters, body, len(self.raw))

    def _header_range(self, position: int) -> tuple[int, int]:
        """Return where the header block ends and where the body starts."""
        raw = self.raw
        if raw[position : position + 1] == b"\n":
            return position, position + 1
        if raw[position : position + 2] == b"\r\n":
            return position, position + 2
        # In a part, the line end of its delimiter line comes first: the part may be empty.
        search_from = max(0, position - 1)
        while stop := _HEADER_STOP.search(raw, search_from):
            if not stop[0].endswith(b"-"):
                return stop.start() + 1, stop.end()
            if self._delimiter_at(stop.start()):
                return stop.start() + 1, stop.start() + 1
            search_from = stop.end()
        return len(raw), len(raw)

    def _opened(self, entity: Entity) -> bool:
        """Make `entity` the innermost multipart if it can be taken apart, else a leaf."""
        if not entity.is_multipart:
            return False
        boundary = entity.parameters.get("boundary", "").rstrip().encode("latin-1")
        if not boundary:
            self.defects.add("missing-boundary")
            boundary = self._guessed_boundary(entity.start)
        if not boundary:
            entity.content_type = "text/plain"
            return False
        if len(self.open) == limits.DEPTH:
            self.defects.add("nested-too-deep")
            entity.content_type = "application/octet-stream"
            return False
        self.boundaries.setdefault(boundary, []).append(len(self.open))
        self.open.append((entity, boundary))
        return True

    def _guessed_boundary(self, start: int) -> bytes:
        """Return what the first line in sight that looks like a delimiter line names."""
        like = _DELIMITER_LIKE.search(self.raw, max(0, start - 1), start + _GUESS_WITHIN)
        return like[1].rstrip() if like else b""

    def _next_delimiter(self, position: int) -> _Delimiter | None:
        """Return the first delimiter line of any open multipart at or behind `position`."""
        # With one multipart open the whole line is known, and long needles are found much faster.
        needle = b"\n--" + self.open[0][1] if len(self.open) == 1 else b"\n--"
        newline = self.raw.find(needle, max(0, position - 1))
        while newline >= 0:
            if delimiter := self._delimiter_at(newline):
                return delimiter
            newline = self.raw.find(needle, newline + 1)
        return None

    def _delimiter_at(self, newline: int) -> _Delimiter | None:
        """Return the delimiter that begins behind the line end at `newline`, if it is one."""
        raw = self.raw
        line_end = raw.find(b"\n", newline + 3, newline + 3 + limits.DELIMITER_BYTES)
        if line_end < 0:
            if len(raw) > newline + 3 + limits.DELIMITER_BYTES:
                return None
            line_end = len(raw)
        line = raw[newline + 3 : line_end].rstrip()
        depths = self.boundaries.get(line)
        closing = not depths and line.endswith(b"--")
        if closing:
            depths = self.boundaries.get(line[:-2])
        if not depths:
            return None
        start = newline - 1 if raw[newline - 1 : newline] == b"\r" else newline
        return _Delimiter(depths[-1], start, min(line_end + 1, len(raw)), closing)

    def _close_to(self, delimiter: _Delimiter) -> None:
        """Close the multiparts inside the delimiter's, and that one too if it is closing."""
        if len(self.open) > delimiter.depth + 1:
            self.defects.add("missing-closing-boundary")
        keep = delimiter.depth + (not delimiter.closing)
        while len(self.open) > keep:
            multipart, boundary = self.open.pop()
            depths = self.boundaries[boundary]
            depths.pop()
            if not depths:
                del self.boundaries[boundary]
            multipart.end = max(multipart.start, delimiter.start)
            self._leave(multipart)

    def _leave(self, multipart: Entity) -> None:
        if not multipart.children:  # nothing to take apart: what is there is shown as text
            self.defects.add("no-parts")
            multipart.content_type = "text/plain"
