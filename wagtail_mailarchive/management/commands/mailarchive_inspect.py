"""`mailarchive_inspect`: what the archive would extract from raw mail, as JSON Lines."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management import BaseCommand

from ...conf import archive_settings
from ...mime.process import ParserProcess
from ...reading.raw_mail import inspect

_CHUNK = 1024 * 1024


class Command(BaseCommand):
    help = (
        "Prints what the archive would extract from files with one raw message each: one JSON "
        "object a line. What is wrong with a file stands in its field `error`."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="- reads standard input.")
        parser.add_argument(
            "--html", action="store_true", help="Add the sanitised body as it would be shown."
        )

    def handle(self, *, files: list[str], html: bool, **options: Any) -> None:
        with ParserProcess() as parser:
            for name in files:
                record = {"file": name, **self._inspect(name, parser, html=html)}
                self.stdout.write(json.dumps(record))

    def _inspect(self, name: str, parser: ParserProcess, *, html: bool) -> dict[str, Any]:
        limit = archive_settings().MAX_MESSAGE_SIZE
        try:
            if name == "-":
                chunks = _read(sys.stdin.buffer, limit)
            else:
                with Path(name).open("rb") as file:
                    chunks = _read(file, limit)
        except OSError as error:
            return {"error": f"The file cannot be read: {error.strerror}."}
        except ValueError:
            return {"error": "The file cannot be read: its name holds NUL."}
        if sum(map(len, chunks)) > limit:
            return {"error": f"Larger than {limit} bytes: the archive would leave it where it is."}
        return inspect(chunks, parser, with_html=html)


def _read(file: BinaryIO, limit: int) -> list[bytes]:
    """Return the file in pieces, and no more of it than tells that it is larger than `limit`."""
    chunks: list[bytes] = []
    size = 0
    while size <= limit and (chunk := file.read(_CHUNK)):
        chunks.append(chunk)
        size += len(chunk)
    return chunks
