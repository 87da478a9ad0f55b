"""The caller's side of the process that verifies signatures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from .. import limits
from ..limited_process import LimitedProcess, worker_command
from .signatures import SIGNATURES

RESULTS = frozenset({"pass", "fail", "unreadable"})


class DkimProcess(LimitedProcess[list[str]]):
    """Verifies signatures in a process of its own; see `LimitedProcess`."""

    def __init__(
        self, *, seconds: float = limits.PROCESS_SECONDS, memory: int = limits.PROCESS_BYTES
    ) -> None:
        """
        Args:
            seconds: wall time one message may take.
            memory: bytes of address space, besides four times the message.
        """
        command = worker_command(f"{__package__}.worker", seconds, memory)
        super().__init__(command, _read, seconds=seconds)


def item(chunks: Sequence[bytes], keys: Mapping[str, str]) -> list[bytes]:
    """Return what `DkimProcess.run` takes for one message.

    Args:
        chunks: the original.
        keys: TXT records by their names in the DNS.
    """
    return [json.dumps(dict(keys)).encode("ascii") + b"\n", *chunks]


def _read(answer: bytes, size: int) -> list[str]:
    results = json.loads(answer)
    if type(results) is not list or len(results) > SIGNATURES:
        raise ValueError("not a list of results")
    if not all(type(each) is str and each in RESULTS for each in results):
        raise ValueError("not a result")
    return results
