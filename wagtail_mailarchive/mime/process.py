"""The caller's side of the parser process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..exceptions import MessageError
from . import limits
from .answers import read_answer
from .limited_process import LimitedProcess, worker_command
from .message import ParsedMessage

Result = ParsedMessage | MessageError


class ParserProcess(LimitedProcess[ParsedMessage]):
    """Parses messages in a process of its own; see `LimitedProcess`."""

    def __init__(
        self,
        *,
        seconds: float = limits.PROCESS_SECONDS,
        memory: int = limits.PROCESS_BYTES,
        command: Sequence[str] | None = None,
    ) -> None:
        """
        Args:
            seconds: wall time one message may take.
            memory: bytes of address space of the process, besides four times the message.
            command: what to run instead of our worker.
        """
        command = command or worker_command(f"{__package__}.worker", seconds, memory)
        super().__init__(command, read_answer, seconds=seconds)

    def parse(self, chunks: Sequence[bytes]) -> ParsedMessage:
        """Return what is in one message, given in pieces that are not joined here.

        Raises:
            ParserTimedOut, ParserCrashed, ParserFailed: about this message only.
        """
        (result,) = self.parse_many([chunks])
        if isinstance(result, MessageError):
            raise result
        return result

    def parse_many(self, messages: Sequence[Sequence[bytes]]) -> Iterator[Result]:
        """Parse messages while the caller does something else; yield results in their order.

        Work starts at once, not when the first result is asked for. A call cancels what an
        earlier one has not finished.
        """
        return self.run(messages)
