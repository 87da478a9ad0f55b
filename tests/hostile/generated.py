"""Strategies for mail that nobody would think of: fields, trees of parts, mutations, junk."""

from __future__ import annotations

import base64
import quopri

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.hostile.fields import ADDRESSES, CHARSETS, DATES, ENCODED_WORDS, FILENAMES, RFC_2231
from tests.hostile.mail import MAIL
from tests.mime.corpora import CORPORA, every_file

_LINE_ENDS = st.sampled_from([b"\n", b"\n", b"\r\n", b"\r\n", b"\r", b"\n\r", b"\r\r\n", b"\0\n"])
_WORDS_OF_NAMES = (
    b"Subject From To Cc Bcc Reply-To Sender Date List-Id Message-ID In-Reply-To References "
    b"Content-ID Content-Type Content-Transfer-Encoding Content-Disposition MIME-Version X-\xff "
    b"SUBJECT content-TYPE >From"
)
_NAMES = st.sampled_from([*_WORDS_OF_NAMES.split(), b"", b" Subject", b"To \t", b"From x"])
_ENCODINGS = st.sampled_from(
    b"7bit 8bit binary base64 BASE64 quoted-printable x-uuencode uue x-yenc base64;x".split()
)
_WORDS_OF_KINDS = (
    b"text/plain text/html TEXT/Plain text text/x/y message/rfc822 message/partial image/png "
    b"application/octet-stream application/ms-tnef / multipart/x "
    b"text/plain;format=flowed text/plain;format=flowed;delsp=yes"
)
_KINDS = st.sampled_from([*_WORDS_OF_KINDS.split(), b""])
_MULTIPARTS = st.sampled_from(b"mixed alternative related digest signed report x-any".split())
_BOUNDARIES = st.sampled_from(
    [b"b", b"b", b"c", b"bb", b"b--", b"--", b"b b", b'b"c', b"(.*)+", b""]
)
# Long ones are bombs, which mail.py has.
_FIELDS = [each for each in ADDRESSES + ENCODED_WORDS + RFC_2231 if len(each) < 2_000]
_FIELDS += [each.encode() for each in CHARSETS + DATES + FILENAMES if len(each) < 2_000]
_WORDS_OF_MAIL = (
    b'=?utf-8?q? ?= =? ?b? =00 +2AA- " \\ ( ) < > @ , ; : \x00 \xed\xa0\x80 \xff\xfe charset= '
    b"boundary=b filename*0*= utf-7'' %00 %0a --b <!-- <style <p> &#x </ <pre> <blockquote> <li> "
    b"\x1b$B ~{ \xe2\x80\xae \xf0\x9f\x92\xa9 begin = =="
)
_LINES_OF_MAIL = (
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\n ",
    b"-- \n",
    b"begin 644 x\n",
    b"`\nend\n",
    b"> > ",
)
_TOKENS = st.sampled_from([*_FIELDS, *_WORDS_OF_MAIL.split(b" "), *_LINES_OF_MAIL])


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_PIECES = st.one_of(_TOKENS, st.binary(max_size=12), st.text(max_size=12).map(_encoded))
_VALUES = st.lists(_PIECES, max_size=8).map(b"".join)


@st.composite
def _header(draw: st.DrawFn, content_type: bytes | None = None) -> bytes:
    fields = draw(st.lists(st.tuples(_NAMES, _VALUES), max_size=6))
    if content_type is not None:
        fields.insert(draw(st.integers(0, len(fields))), (b"Content-Type", content_type))
    return b"".join(name + b": " + value + b"\n" for name, value in fields)


@st.composite
def _leaf(draw: st.DrawFn) -> bytes:
    charset = draw(st.sampled_from(CHARSETS[:-7]))
    kind = draw(_KINDS) + b'; charset="' + charset.encode() + b'"; name=' + draw(_PIECES)
    body = draw(st.lists(_PIECES, max_size=12))
    content = b"".join(body)
    match draw(st.integers(0, 3)):
        case 0:
            content = base64.encodebytes(content)
        case 1:
            content = quopri.encodestring(content)
    encoding = b"Content-Transfer-Encoding: " + draw(_ENCODINGS) + b"\n"
    disposition = b"Content-Disposition: attachment; filename=" + draw(_PIECES) + b"\n"
    rest = draw(st.sampled_from([b"", encoding, disposition, encoding + disposition]))
    return draw(_header(kind)) + rest + b"\n" + content


@st.composite
def _multipart(draw: st.DrawFn, children: SearchStrategy[bytes]) -> bytes:
    boundary = draw(_BOUNDARIES)
    kind = b"multipart/" + draw(_MULTIPARTS) + b'; boundary="' + boundary + b'"'
    if draw(st.booleans()):
        kind += b";" + draw(_VALUES)
    parts = b"".join(
        b"\n--"
        + boundary
        + draw(st.sampled_from([b"\n", b"\n", b" \n", b"", b"--\n", b"\n\n"]))
        + each
        for each in draw(st.lists(children, max_size=4))
    )
    closing = draw(st.sampled_from([b"\n--" + boundary + b"--\n", b"", b"\n--" + boundary + b"-"]))
    return draw(_header(kind)) + b"\n" + draw(_PIECES) + parts + closing + draw(_PIECES)


@st.composite
def _with_line_ends(draw: st.DrawFn, mail: SearchStrategy[bytes]) -> bytes:
    raw = draw(mail).replace(b"\n", draw(_LINE_ENDS))
    # Cut anywhere, as mail is on the way.
    return raw[: draw(st.integers(0, len(raw)))] if draw(st.integers(0, 3)) == 0 else raw


def _samples() -> list[bytes]:
    """Small mail of ours and of others, to be mutated."""
    ours = [make for name, make in MAIL.items() if not name.startswith(("header:", "body:"))]
    theirs = [path.read_bytes for path in every_file()] if CORPORA.is_dir() else []
    return [raw for make in (*ours, *theirs) if len(raw := make()) < 20_000]


@st.composite
def _mutated(draw: st.DrawFn, samples: SearchStrategy[bytes]) -> bytes:
    data = bytearray(draw(samples))
    changes = st.tuples(st.integers(0, 3), st.integers(0, len(data)), st.integers(1, 80), _PIECES)
    for kind, at, length, piece in draw(st.lists(changes, min_size=1, max_size=8)):
        match kind:
            case 0:
                del data[at : at + length]
            case 1:
                data[at:at] = data[at : at + length]
            case 2:
                data[at:at] = piece
            case _:
                data[at : at + len(piece)] = piece
    return bytes(data)


HEADERS = _with_line_ends(st.tuples(_header(), _VALUES).map(lambda each: each[0] + b"\n" + each[1]))
TREES = _with_line_ends(st.recursive(_leaf(), _multipart, max_leaves=8))
JUNK = st.one_of(st.binary(max_size=400), st.lists(_PIECES, max_size=40).map(b"".join))
MUTATIONS = _mutated(st.deferred(lambda: st.sampled_from(_samples())))
