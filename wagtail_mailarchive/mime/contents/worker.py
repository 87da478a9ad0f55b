"""The process that reads hostile files: `python -m wagtail_mailarchive.mime.contents.worker`.

Its caller's side is `process`. An item is a line of JSON (`Asked`) and the attachment, still
encoded; the rest is as in `mime.worker`. Nothing here writes a file, and the system forbids it.
"""

from __future__ import annotations

import json

from ..decode import decode_body
from ..worker import main
from . import reader


def answer_to(item: bytes) -> bytes:
    head, _, encoded = item.partition(b"\n")
    asked = json.loads(head)
    content = decode_body(encoded, asked["encoding"])
    del encoded
    if asked["first_page"]:
        return reader.first_page(content).to_json()
    return reader.read(content, asked["content_type"], asked["filename"]).to_json()


def _forbid_files() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))


if __name__ == "__main__":
    _forbid_files()
    main(answer_to)
