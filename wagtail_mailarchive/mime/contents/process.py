"""The caller's side of the process that reads attachments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ...exceptions import MessageError, ParserTimedOut
from ..limited_process import LimitedProcess, worker_command
from . import limits
from .content import Content, State, read_answer


@dataclass(frozen=True, slots=True)
class Asked:
    """One attachment to be read.

    Attributes:
        encoded: its bytes as they stand in the original.
        encoding: the transfer encoding that decodes them.
        content_type, filename: as the sender says.
        first_page: whether only the picture of a PDF's first page is wanted.
    """

    encoded: bytes = field(repr=False)
    encoding: str
    content_type: str = ""
    filename: str = ""
    first_page: bool = False

    def chunks(self) -> list[bytes]:
        values = {
            "encoding": self.encoding,
            "content_type": self.content_type,
            "filename": self.filename,
            "first_page": self.first_page,
        }
        return [json.dumps(values).encode("ascii") + b"\n", self.encoded]


class ContentProcess(LimitedProcess[Content]):
    """Reads attachments in a process of its own; see `LimitedProcess`."""

    def __init__(
        self,
        *,
        seconds: float = limits.PROCESS_SECONDS,
        memory: int = limits.PROCESS_BYTES,
        command: Sequence[str] | None = None,
    ) -> None:
        """
        Args:
            seconds: wall time one attachment may take.
            memory: bytes of address space, besides four times the attachment.
            command: what to run instead of our worker.
        """
        command = command or worker_command(f"{__package__}.worker", seconds, memory)
        super().__init__(command, read_answer, seconds=seconds)

    def read(self, asked: Sequence[Asked]) -> Iterator[Content]:
        """Yield what is in each, in order; what ended the process is said of the one it was at.

        Raises:
            ParserUnavailable: no process can be started.
        """
        for result in self.run([each.chunks() for each in asked]):
            if isinstance(result, ParserTimedOut):
                yield Content(State.TOO_SLOW)
            elif isinstance(result, MessageError):
                yield Content(State.FAILED)
            else:
                yield result
