"""The parser on mail of other projects: it never raises, and its byte ranges are true."""

from __future__ import annotations

import hashlib

from tests.mime.corpora import CORPORA, every_file, needs_corpora
from wagtail_mailarchive.mime.decode import decode_body
from wagtail_mailarchive.mime.message import ParsedMessage
from wagtail_mailarchive.mime.parser import parse
from wagtail_mailarchive.mime.process import ParserProcess

pytestmark = needs_corpora


def test_every_range_decodes_to_the_size_and_hash_told() -> None:
    parts = 0
    for path in every_file():
        raw = path.read_bytes()
        message = parse(raw)
        for part in [*message.text_parts, *message.html_parts, *message.attachments]:
            content = decode_body(raw[part.start : part.start + part.length], part.encoding)
            assert (path, part.section, len(content), hashlib.sha256(content).hexdigest()) == (
                *(path, part.section),
                *(part.size, part.sha256),
            )
            parts += 1
    assert parts > 500


def test_parts_do_not_overlap() -> None:
    for path in every_file():
        message = parse(path.read_bytes())
        ranges = {
            part.section: (part.start, part.start + part.length)
            for part in [*message.text_parts, *message.html_parts, *message.attachments]
        }
        end = message.header_length
        for start, part_end in sorted(ranges.values()):
            assert start >= end, path
            end = part_end


def test_the_process_says_the_same_as_the_parser() -> None:
    originals = [path.read_bytes() for path in every_file()]
    with ParserProcess() as process:
        results = list(process.parse_many([[raw] for raw in originals]))

    expected = [ParsedMessage.from_json(parse(raw).to_json()) for raw in originals]
    assert results == expected


def test_the_same_mail_with_other_line_ends_reads_the_same() -> None:
    for path in sorted((CORPORA / "stalwart-mail-parser").rglob("*.eml")):
        with_lf = path.read_bytes().replace(b"\r\n", b"\n")
        if b"\r" in with_lf or b"\x00" in with_lf:
            continue  # another line end would be another text
        one, other = parse(with_lf), parse(with_lf.replace(b"\n", b"\r\n"))
        assert (one.subject, one.from_, one.to, one.date) == (
            *(other.subject, other.from_),
            *(other.to, other.date),
        )
        assert [part.filename for part in one.attachments] == [
            part.filename for part in other.attachments
        ]
        assert one.text == other.text, path
