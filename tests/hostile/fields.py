"""Hostile values of header fields: charsets, dates, file names, encoded words, addresses.

`FIELDS` names each message with one of them, and holds it.
"""

from __future__ import annotations

_HEAD = b"From: Mallory <mallory@example.org>\nSubject: hostile\n"

# Python's codecs that are no charsets of text, aliases of theirs, and charsets seldom met.
CHARSETS = (
    *("zlib", "zlib_codec", "zip", "bz2", "bz2_codec", "hex", "hex_codec", "base64_codec"),
    *("base_64", "quopri", "quopri_codec", "uu", "uu_codec", "rot13", "rot_13"),
    *("unicode_escape", "raw_unicode_escape", "unicode_internal", "string_escape", "undefined"),
    *("idna", "punycode", "mbcs", "oem", "palmos", "utf-7", "utf-8-sig", "utf-16", "utf-32"),
    *("utf-16-le", "cp037", "cp864", "iso-2022-jp", "iso-2022-kr", "hz", "big5hkscs", "johab"),
    *("x-unknown", "unknown-8bit", "x-user-defined", "default", "_charset_", "utf\x008", ""),
    *("../../../etc/passwd", "os.system", "a" * 60_000, "utf-8" * 1_000, "\\", "%s", "{0}"),
)

DATES = (
    *("Thu, 01 Jan 0000 00:00:00 +0000", "Mon, 01 Jan 0001 00:00:00 +1400"),
    *("Fri, 31 Dec 9999 23:59:59 -1200", "Fri, 31 Dec 99999 23:59:59 +0000"),
    *("Thu, 31 Jun 2026 10:00:00 +0000", "Wed, 30 Feb 2000 10:00:00 +0000"),
    *("Thu, 05 Mar 2026 24:60:61 +0000", "Thu, 05 Mar 2026 10:00:00 +9999"),
    *("Thu, 05 Mar 2026 10:00:00 -9999", "Thu, 05 Mar -2026 10:00:00 +0000"),
    *("Thu, 05 Mar 2026 10:00:00 +2400", "5 Mar 1800 10:00:00 GMT", "Tue, 19 Jan 2038 03:14:08 Z"),
    *("1e308", "NaN", "inf", "-62135596800", "253402300800", "2026-03-05T10:00:00.999999999Z"),
    *("٠٥ Mar ٢٠٢٦ 10:00:00 +0000", "Thu, ²5 Mar 2026 10:00:00 +0000", "\x00", "now"),
)

# As the value of a parameter; what a file must never be called.
FILENAMES = (
    *('"../../../../etc/passwd"', '"..\\\\..\\\\windows\\\\win.ini"', '"C:\\\\autoexec.bat"'),
    *('"/etc/shadow"', '"."', '".."', '"   "', '"con"', '"a\x00.exe"', '"photo\u202egpj.exe"'),
    *('"a\r\n b.txt"', '"=?utf-8?q?a=0D=0AX-Injected:_yes.txt?="', '"%0d%0aX-Injected: yes"'),
    *('"=?utf-8?b?Li4vLi4vZXRjL3Bhc3N3ZA==?="', '"a\\"; filename=\\"b.exe"', '"<script>.html"'),
    *('"' + "a" * 100_000 + '.pdf"', '"' + "\U0001f4a9" * 5_000 + '.txt"', '"\u2028\u2029.txt"'),
    *('"name.' + "e" * 10_000 + '"', '"~root"', '"file.txt:stream"', '"*?.txt"', '"|id;.sh"'),
)

RFC_2231 = (
    b"filename*=utf-8''..%2F..%2Fetc%2Fpasswd",
    b"filename*=utf-8''a%0D%0AX-Injected%3A%20yes.txt",
    b"filename*=utf-8''%00%00.txt",
    b"filename*=utf-8''photo%E2%80%AEgpj.exe",
    b"filename*=zlib''x%9C%03%00%00%00%00%01",
    b"filename*=utf-7''%2B2AA-.txt",
    b"filename*=unicode_escape''%5Cud800.txt",
    b"filename*=utf-16''%00%D8.txt",
    b"filename*=" + b"'" * 10_000,
    b"filename*0*=utf-8''a; filename*99999999999999999999=b",
    b"filename*0=a; filename*0=b; filename*00=c; filename*-1=d",
    b"; ".join(b"filename*%d*=%%41" % number for number in range(20_000)),
    b"filename*=utf-8''" + b"%C3%A9" * 20_000,
    b"filename*=utf-8''" + b"%" * 100_000,
)

ENCODED_WORDS = (
    b"=?utf-8?b?" + b"w6nDqQ" * 16_000 + b"?=",
    b"=?utf-8?b?====?= =?utf-8?b?%%%%?= =?utf-8?q?==?= =?utf-8?q?=Z?=",
    b"=?utf-8?q?a=00b=00c?= =?utf-8?b?AAAA?=",
    b"=?utf-16?b?2AA=?= =?utf-7?q?+2AA-?= =?unicode_escape?q?=5Cud800?=",
    b"=?zlib?b?eJzLSM3JyVcozy/KSQEAGgsEXQ==?=",
    b"=?" * 60_000,
    b"=?a?b?" * 40_000,
    b"=?utf-8?q?" * 10_000 + b"x" + b"?=" * 10_000,
    b"=?utf-8*en?q?language?= =?*?q?x?= =??q?x?= =?utf-8?x?x?=",
    b" ".join(b"=?cs%d?q?x?=" % number for number in range(6_000)),
)

ADDRESSES = (
    b", ".join(b"a%d@example.org" % number for number in range(10_000)),
    b"group:" * 20_000 + b"a@example.org" + b";" * 20_000,
    b"<" * 60_000 + b">" * 60_000,
    b'"' + b"\\" * 100_001 + b'"@example.org',
    b"@a," * 30_000 + b":b@example.org",
    b"(" * 50_000 + b"a@example.org",
    b"a@" * 60_000,
    b'"\x00\r\n <script>alert(1)</script>" <a@example.org>',
    b"=?utf-8?q?=3Cscript=3E?= <a@example.org\xff\xfe>",
    b"a@[" + b"1." * 50_000 + b"]",
    b"\xf0\x9f\x92\xa9" * 30_000 + b" <a@example.org>",
    b"=?utf-8?q?" + b"x@y.example," * 9_000 + b"?=",
)


def _with_filename(parameter: bytes) -> bytes:
    return (
        _HEAD
        + b"Content-Type: multipart/mixed; boundary=b\n\n"
        + b"--b\n\ntext\n--b\nContent-Type: application/octet-stream\n"
        b"Content-Disposition: attachment; " + parameter + b"\n\ncontent\n--b--\n"
    )


def _with_field(name: bytes, value: bytes) -> bytes:
    return name + b": " + value + b"\nMessage-ID: <id@example.org>\n\ntext\n"


FIELDS: dict[str, bytes] = {
    **{
        f"charset {number}: {charset[:30]!r}": _HEAD
        + b'Content-Type: text/plain; charset="'
        + charset.encode()
        + b'"\n\nx\x9c\xcb\\ud800 +2AA- 786f =0A \x1b$B \xd8\x00 ~{<:Ky2;S{#}\n'
        for number, charset in enumerate(CHARSETS)
    },
    **{f"date {number}": _with_field(b"Date", date.encode()) for number, date in enumerate(DATES)},
    **{
        f"file name {number}": _with_filename(b"filename=" + name.encode())
        for number, name in enumerate(FILENAMES)
    },
    **{f"RFC 2231 {number}": _with_filename(each) for number, each in enumerate(RFC_2231)},
    **{
        f"encoded words {number}": _with_field(b"Subject", value)
        for number, value in enumerate(ENCODED_WORDS)
    },
    **{
        f"addresses {number}": _with_field(b"From", value) for number, value in enumerate(ADDRESSES)
    },
}
