"""Mail made to hurt a parser: headers, and bodies with what announces them.

The sizes are such that linear work takes a fraction of a second, so that a busy machine does not
matter, while a step of quadratic time would run into the deadline of ten seconds.
"""

from __future__ import annotations

HEADERS = {
    "encoded words in Subject": b"Subject: " + b"=?utf-8?q?=C3=A9?= " * 14_000,
    "one endless encoded word": b"Subject: =?utf-8?q?" + b"=C3=A9" * 50_000,
    "encoded words that never end": b"Subject: " + b"=?a?q?" * 50_000,
    "quotes in From": b"From: " + b'"' * 200_000,
    "escaped quotes in From": b'From: "' + b'\\"' * 100_000,
    "open angles in From": b"From: " + b"<" * 200_000,
    "open comments in From": b"From: " + b"(" * 200_000,
    "nested comments in From": b"From: " + b"(" * 60_000 + b")" * 60_000,
    "comments without end behind others": b"From: " + b"(a) (" * 40_000,
    "commas in To": b"To: " + b"a@b," * 60_000,
    "colons in To": b"To: " + b"a:" * 100_000,
    "dots and at signs in To": b"To: " + b"@ . " * 30_000,
    "spaces in To": b"To: a" + b" " * 200_000 + b"b",
    "many fields": b"To: a@b\n" * 30_000 + b"To: c@d",
    "folded lines": b"Subject: a" + b"\n " * 200_000,
    "a line of 20 MB": b"X-Long: " + b"x" * 20_000_000,
    "a Subject of 20 MB": b"Subject: " + b"x" * 20_000_000,
    "angles in References": b"References: " + b"<" * 200_000,
    "ids in References": b"References: " + b"<a@b>" * 40_000,
    "spaces in Content-Type": b"Content-Type: text/plain;" + b" " * 200_000 + b"charset",
    "parameters": b"Content-Type: text/plain" + b"; a=b" * 40_000,
    "continued parameters": b"Content-Disposition: inline"
    + b"".join(b"; filename*%d*=%%41" % index for index in range(9_000)),
    "digits in Date": b"Date: " + b"1" * 200_000,
    "spaces in Date": b"Date: 1 Jan" + b" " * 200_000 + b"2000 10:00",
}


def nested(depth: int) -> bytes:
    head = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
    return b"".join(head % (level, level) for level in range(depth)) + b"\ninnermost\n"


BODIES = {
    "nested multiparts": nested(1_000),
    "nested multiparts with one boundary": b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
    * 20_000,
    "nested messages": b"Content-Type: message/rfc822\n\n" * 50_000,
    "lines like delimiters": b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\n"
    + b"--a\n" * 250_000,
    "header lines like delimiters": b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"
    + b"--a\n" * 62_500,
    "parts without a blank line": b"Content-Type: multipart/mixed; boundary=b\n\n"
    + b"--b\nX: y\n" * 100_000,
    "a delimiter line of 20 MB": b"Content-Type: multipart/mixed; boundary=b\n\n--b"
    + b" " * 20_000_000,
    "padding": b"Content-Transfer-Encoding: base64\n\n" + b"A=" * 625_000,
    "equals signs": b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=" * 1_250_000,
    "blanks before line ends": b"Content-Transfer-Encoding: quoted-printable\n\n"
    + b" " * 250_000 + b"x \n",
    "uuencoded junk": b"Content-Transfer-Encoding: x-uuencode\n\n" + b"_#\n" * 62_500,
    "flowed lines": b"Content-Type: text/plain; format=flowed\n\n" + b"> a \n" * 100_000,
    "quotation marks": b"Content-Type: text/plain; format=flowed\n\n" + b">" * 500_000,
    "utf-7": b"Content-Type: text/plain; charset=utf-7\n\n" + b"+2AA-" * 100_000,
    "tags": b"Content-Type: text/html\n\n" + b"<div>" * 100_000,
    "tags without end": b"Content-Type: text/html\n\n" + b"<a " * 125_000,
    "attributes": b"Content-Type: text/html\n\n<a " + b"b=c " * 125_000 + b">",
    "equals signs in a tag": b"Content-Type: text/html\n\n<a " + b"=" * 500_000,
    "quotes in a tag": b"Content-Type: text/html\n\n" + b"<a b=\"'" * 62_500,
    "comments": b"Content-Type: text/html\n\n" + b"<!--" * 125_000,
    "styles without end": b"Content-Type: text/html\n\n" + b"<style>" * 62_500,
    "character references": b"Content-Type: text/html\n\n" + b"&#" + b"1" * 500_000,
    "ampersands": b"Content-Type: text/html\n\n" + b"&" * 500_000,
    "lists": b"Content-Type: text/html\n\n" + b"<ol><li>x" * 100_000,
    "quotations": b"Content-Type: text/html\n\n" + b"<blockquote>x" * 100_000,
    "empty lines in a pre": b"Content-Type: text/html\n\n<pre>" + b"\n" * 500_000,
    "meta tags": b"Content-Type: text/html\n\n" + b"<meta " * 75_000,
    "broken UTF-8": b"\n" + b"\xc3" * 500_000,
}  # fmt: skip
