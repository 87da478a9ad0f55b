"""Hostile mail of our own, made when needed: bombs, broken mail, and what ordinary mail hides.

`MAIL` names each message and makes it. Those of fields.py and tests/mime/bombs.py are among them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from email.message import EmailMessage
from functools import partial

from tests.hostile.fields import FIELDS
from tests.mime.bombs import BODIES, HEADERS

_HEAD = (
    b"From: Mallory <mallory@example.org>\nTo: Ada <ada@example.org>\n"
    b"Date: Thu, 05 Mar 2026 14:30:00 +0100\nSubject: hostile\n"
)
_MIXED = _HEAD + b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"


def _nested_messages(depth: int) -> bytes:
    return (
        b"".join(
            b"Subject: level %d\nContent-Type: multipart/mixed; boundary=b%d\n\n"
            b"--b%d\nContent-Type: message/rfc822\n\n" % (level, level, level)
            for level in range(depth)
        )
        + b"Subject: innermost\n\ntext\n"
    )


def _alternating(depth: int) -> bytes:
    return b"".join(
        b"Content-Type: multipart/%s; boundary=b%d\n\n--b%d\n"
        % ((b"alternative", b"related", b"signed", b"digest")[level % 4], level, level)
        for level in range(depth)
    )


def _part(header: bytes, body: bytes) -> bytes:
    return b"--b\n" + header + b"\n\n" + body + b"\n"


def _yenc(content: bytes) -> bytes:
    coded = bytes((byte + 42) % 256 for byte in content)
    for critical in b"=\x00\r\n":
        escape = bytes((ord("="), (critical + 64) % 256))
        coded = coded.replace(bytes((critical,)), escape)
    head = b"=ybegin line=128 size=%d name=../photo.jpg\n" % len(content)
    return head + coded + b"\n=yend size=%d crc32=%08x\n" % (len(content), binascii.crc32(content))


def _uuencoded(content: bytes) -> bytes:
    lines = b"".join(binascii.b2a_uu(content[at : at + 45]) for at in range(0, len(content), 45))
    return b"begin 644 ../../etc/passwd\n" + lines + b"`\nend\n"


def _tnef() -> bytes:
    """A winmail.dat that says it has an attachment of four gigabytes."""
    lie = b"\x02\x0f\x80\x06\x00" + b"\xff\xff\xff\xff" + b"x" * 64
    return b"\x78\x9f\x3e\x22\x00\x00" + lie


def _smime() -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "Mallory <mallory@example.org>", "opaque"
    message.set_content(
        b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" + b"\x30\x84\xff\xff\xff\xff" * 99,
        "application",
        'pkcs7-mime; smime-type=signed-data; name="smime.p7m"',
        disposition="attachment",
        filename="smime.p7m",
    )
    return message.as_bytes()


def _pgp_mime() -> bytes:
    armour = b"-----BEGIN PGP MESSAGE-----\n\n" + b"hQ" * 999 + b"\n-----END PGP MESSAGE-----\n"
    return (
        _HEAD + b"Content-Type: multipart/encrypted; boundary=b;\n"
        b' protocol="application/pgp-encrypted"\n\n'
        + _part(b"Content-Type: application/pgp-encrypted", b"Version: 1\n")
        + _part(b'Content-Type: application/octet-stream; name="encrypted.asc"', armour)
        + b"--b--\n"
    )


def _html(source: str) -> bytes:
    return _HEAD + b"Content-Type: text/html; charset=utf-8\n\n" + source.encode()


_TNEF = base64.encodebytes(_tnef())
_ATTACHMENT = b"Content-Type: application/octet-stream\nContent-Disposition: attachment"
_FEW = _MIXED + _part(b"Content-Type: text/plain", b"text") + _part(_ATTACHMENT, b"x" * 500)

MAIL: dict[str, Callable[[], bytes]] = {
    # What there is least of.
    "empty": lambda: b"",
    "one NUL": lambda: b"\x00",
    "one LF": lambda: b"\n",
    "one CR": lambda: b"\r",
    "only LF": lambda: b"\n" * 100_000,
    "only CR": lambda: b"\r" * 100_000,
    "only CRLF": lambda: b"\r\n" * 100_000,
    "only LFCR": lambda: b"\n\r" * 50_000,
    "only blanks": lambda: b" \t" * 50_000,
    "only colons": lambda: b":" * 100_000,
    "only NUL": lambda: b"\x00" * 1_000_000,
    "only 0xFF": lambda: b"\xff" * 1_000_000,
    "a header and no body": lambda: _HEAD,
    "a header without a line end": lambda: b"Subject: hostile",
    "line ends of old Macintoshes": lambda: _FEW.replace(b"\n", b"\r"),
    "line ends of all kinds": lambda: b"Subject: a\r\nTo: b\nCc: c\rX: d\n\r\n\rtext\r\n\n\r",
    # A dot alone ends a message for POP3, and so would one after what only looks like a line's end.
    "lines of dots": lambda: _HEAD + b"\n.\n..\r.\r.\r\n...\n.end\r.\n.\r\n",
    # Too much of something.
    "deep nesting": lambda: _HEAD + BODIES["nested multiparts"],
    "deep nesting of kinds": lambda: _HEAD + _alternating(2_000),
    "nested messages in multiparts": lambda: _nested_messages(1_000),
    "100,000 parts": lambda: _MIXED + _part(_ATTACHMENT, b"x") * 100_000 + b"--b--\n",
    "100,000 empty parts": lambda: _MIXED + b"--b\n" * 100_000,
    "100,000 HTML parts": lambda: _MIXED + _part(b"Content-Type: text/html", b"<b>x") * 100_000,
    "1,000,000 headers": lambda: b"X-Header: value\n" * 1_000_000 + _HEAD + b"\ntext\n",
    "1,000,000 headers of a part": lambda: _MIXED
    + _part(b"X-Header: value\n" * 1_000_000 + b"Content-Type: text/plain", b"text"),
    "1,000,000 recipients' fields": lambda: b"To: a@b\n" * 1_000_000 + b"\ntext\n",
    "20 MB header line": lambda: b"Subject: " + b"x" * 20_000_000 + b"\n\ntext\n",
    "20 MB of one folded field": lambda: b"To: a@b" + b",\n c@d" * 3_000_000 + b"\n\ntext\n",
    "50 MB of one line": lambda: _HEAD + b"\n" + b"x" * 50_000_000,
    "50 MB of base64 in one line": lambda: _MIXED
    + _part(_ATTACHMENT + b"\nContent-Transfer-Encoding: base64", b"QUJD" * 12_500_000),
    "50 MB of quoted-printable in one line": lambda: _MIXED
    + _part(_ATTACHMENT + b"\nContent-Transfer-Encoding: quoted-printable", b"=41" * 16_700_000),
    "50 MB of lines": lambda: _HEAD + b"\n" + b"word word\n" * 5_000_000,
    "a boundary of 100 kB": lambda: _HEAD
    + b"Content-Type: multipart/mixed; boundary=" + b"b" * 100_000 + b"\n\n--" + b"b" * 100_000,
    "a Message-ID of 100 kB": lambda: b"Message-ID: <" + b"x" * 100_000 + b"@example.org>\n\ntext",
    "a Content-ID of 100 kB": lambda: _MIXED
    + _part(_ATTACHMENT + b"\nContent-ID: <" + b"c" * 100_000 + b">", b"x"),
    "a list of 100 kB": lambda: b"List-Id: <" + b"l" * 100_000 + b">\n\ntext",
    "one word of 1 MB": lambda: _HEAD + b"\n" + b"w" * 1_000_000,
    "250,000 different words": lambda: _HEAD
    + b"\n" + b" ".join(b"w%d" % number for number in range(250_000)),
    # Broken on the way.
    "cut in the header": lambda: _FEW[:100],
    "cut in a delimiter": lambda: _FEW[:-530],
    "cut in an attachment": lambda: _FEW[:-200],
    "cut in base64": lambda: _MIXED
    + _part(_ATTACHMENT + b"\nContent-Transfer-Encoding: base64", b"QUJDRA"),
    "an mbox line in front": lambda: b"From mallory@example.org Thu Mar  5 14:30:00 2026\n" + _FEW,
    "mbox-escaped lines": lambda: _HEAD + b"\n>From here on\n>>From there\nFrom nowhere\n",
    "a whole mbox": lambda: b"".join(b"From x Thu Mar  5 14:30:00 2026\n" + _FEW for _ in range(9)),
    "no boundary": lambda: _HEAD + b"Content-Type: multipart/mixed\n\n--b\n\ntext\n--b--\n",
    "an empty boundary": lambda: _HEAD + b'Content-Type: multipart/mixed; boundary=""\n\n--\n\nx\n',
    "a boundary that is a blank": lambda: _HEAD
    + b'Content-Type: multipart/mixed; boundary=" "\n\n-- \n\nx\n',
    "a boundary of regular expressions": lambda: _HEAD
    + b'Content-Type: multipart/mixed; boundary="(a+)+$.*[^]"\n\n--(a+)+$.*[^]\n\nx\n',
    "inner and outer boundary alike": lambda: _MIXED
    + _part(b"Content-Type: multipart/mixed; boundary=b", b"") * 500,
    "prefixes as boundaries": lambda: _MIXED
    + _part(b"Content-Type: multipart/mixed; boundary=bb", b"--bb\n\nx\n--bb--"),
    "a multipart in base64": lambda: _HEAD
    + b"Content-Transfer-Encoding: base64\nContent-Type: multipart/mixed; boundary=b\n\n"
    + base64.encodebytes(b"--b\n\ntext\n--b--\n"),
    "headers twice": lambda: _HEAD * 2
    + b"Content-Type: text/html\nContent-Type: a/b\n\n<b>x",
    "NUL everywhere": lambda: b"\x00".join(bytes((byte,)) for byte in _FEW),
    "NUL in headers": lambda: _HEAD.replace(b"hostile", b"a\x00b").replace(b"Ada", b"\x00"),
    "surrogates in UTF-8": lambda: b"Subject: \xed\xa0\x80\xed\xb0\x80\n\n\xed\xbf\xbf text\n",
    "surrogates in UTF-16": lambda: _HEAD
    + b"Content-Type: text/plain; charset=utf-16\n\n\x00\xd8\xd8\x00\xdc\x00\xdf\xff",
    "every byte": lambda: bytes(range(256)) * 4 + b"\n\n" + bytes(range(256)) * 1_000,
    # What old and other programs send.
    "uuencode in the body": lambda: _HEAD + b"\ntext\n\n" + _uuencoded(b"content" * 999),
    "uuencode declared": lambda: _MIXED
    + _part(_ATTACHMENT + b"\nContent-Transfer-Encoding: x-uuencode", _uuencoded(b"content" * 99)),
    "uuencode of 63 bytes a letter": lambda: _MIXED
    + _part(_ATTACHMENT + b"\nContent-Transfer-Encoding: uuencode", b"_\n" * 500_000),
    "yEnc": lambda: _HEAD + b"\n" + _yenc(bytes(range(256)) * 99),
    "yEnc declared": lambda: _MIXED
    + _part(_ATTACHMENT + b"\nContent-Transfer-Encoding: x-yenc", _yenc(bytes(range(256)))),
    "TNEF": lambda: _MIXED
    + _part(
        b'Content-Type: application/ms-tnef; name="winmail.dat"\nContent-Transfer-Encoding: base64',
        _TNEF,
    ),
    "S/MIME opaque": _smime,
    "PGP/MIME": _pgp_mime,
    "a message in base64": lambda: _MIXED
    + _part(
        b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64",
        base64.encodebytes(_FEW),
    ),
    "an external body": lambda: _MIXED
    + _part(b"Content-Type: message/external-body; access-type=local-file; name=/etc/passwd", b""),
    "a message in portions": lambda: _HEAD
    + b"Content-Type: message/partial; id=x; number=1; total=99999999999999999999\n\n" + _FEW,
    # What a browser, a database or a template could take amiss.
    "HTML without end": lambda: _html("<div>" * 300 + "<table><tr><td>" * 300),
    "HTML nested 100,000 deep": lambda: _html("<div>" * 100_000),
    "HTML of 3 MB": lambda: _html("<p>text</p>" * 280_000),
    "HTML with NUL": lambda: _html("<p\x00>a\x00<scr\x00ipt>alert(1)</script>"),
    "HTML in UTF-7": lambda: _HEAD
    + b"Content-Type: text/html; charset=utf-7\n\n+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "HTML in UTF-16": lambda: _HEAD
    + b"Content-Type: text/html; charset=utf-16\n\n" + "<script>alert(1)</script>".encode("utf-16"),
    "HTML in ISO-2022-JP": lambda: _HEAD
    + b"Content-Type: text/html; charset=iso-2022-jp\n\n<p title=\x1b$B\x22\x1b(B><img src=x>",
    "template code": lambda: _HEAD.replace(b"hostile", b"{{ 7|add:7 }}")
    + b"\n{% include '/etc/passwd' %} %s %(x)s {0.__class__}\n",
    "SQL": lambda: _HEAD.replace(b"hostile", b"'); DROP TABLE wagtailcore_page; --"),
    "search operators": lambda: _HEAD.replace(b"hostile", b'"a" NEAR(b*) -c ^d {e}: & | ! <->')
    + b'\n"unclosed (AND OR NOT\n',
    "escapes of a terminal": lambda: b"Subject: \x1b[2J\x1b]0;x\x07 =?utf-8?q?=0AERROR?=\n\ntext",
    "right-to-left override": lambda: "Subject: \u202etxet\u2066\u2066\n\n\u202etxet".encode(),
    "combining marks": lambda: b"Subject: z" + "\u0301".encode() * 50_000 + b"\n\ntext\n",
    "noncharacters": lambda: "Subject: \ufffe\uffff\U0010ffff\ufdd0\n\n\uffff text".encode(),
    **{f"header: {name}": partial(bytes, each + b"\n\ntext\n") for name, each in HEADERS.items()},
    **{f"body: {name}": partial(bytes, _HEAD + each) for name, each in BODIES.items()},
    **{name: partial(bytes, raw) for name, raw in FIELDS.items()},
}  # fmt: skip
