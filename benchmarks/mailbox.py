"""The mailbox that everybody fetches: the same bytes in every run and on every machine.

10,000 messages, 58 KB on average, shuffled: 55 % multipart/alternative with 3-60 KB of HTML, 25 %
plain list mail in threads, 15 % with attachments of 10 KB to 1 MB, 5 % in older charsets. They are
kept as files in a folder and hard-linked into each user's Maildir: a repeated run builds nothing.
"""

from __future__ import annotations

import base64
import binascii
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import accumulate
from pathlib import Path
from random import Random

from tests.servers.account import unprivileged
from tests.servers.dovecot import Dovecot

VERSION = 3
_START = datetime(2016, 1, 4, 8, tzinfo=UTC)
_KINDS = ("alternative", "list", "attachment", "charset")
_SHARES = (55, 25, 15, 5)
_ODD = (
    ("iso-2022-jp", "会議の資料を送ります。来週の予定を確認してください。"),
    ("shift_jis", "お世話になっております。見積書を添付いたします。"),
    ("koi8-r", "Добрый день! Отправляю протокол совещания и план работ на следующий месяц. "),
    ("windows-1251", "Уважаемые коллеги, напоминаем о собрании в четверг. "),
    ("gb18030", "请查收本月的项目报告，如有问题请回复。"),
    ("euc-kr", "회의 자료를 보내드립니다. 확인 부탁드립니다. "),
    ("iso-8859-15", "Grüße aus Köln: Preise in €, gültig für Straßen und Plätze. "),
    ("windows-1253", "Καλημέρα, σας στέλνω το πρόγραμμα της εβδομάδας. "),
)
_SYLLABLES = ("ka", "lo", "mi", "ter", "ran", "sol", "be", "nu", "ver", "po", "gra", "lin", "tion")


@dataclass(frozen=True)
class Kept:
    """A mailbox on disk.

    Attributes:
        files: one message each, in the order of delivery.
        size: bytes of all of them.
    """

    files: list[Path]
    size: int

    def first(self, number: int) -> Kept:
        return _kept(self.files[:number])

    def halves(self) -> tuple[Kept, Kept]:
        return _kept(self.files[::2]), _kept(self.files[1::2])


def mixed(cache: Path, number: int) -> Kept:
    """Return the mailbox described above."""
    return _keep(cache / f"mixed-{VERSION}-{number}", number, _mixed)


def small(cache: Path, number: int) -> Kept:
    """Return `number` plain messages of 4 kB."""
    return _keep(cache / f"small-{VERSION}-{number}", number, small_messages)


def huge(cache: Path) -> Kept:
    """Return one message of 50 MB."""
    return _keep(cache / f"huge-{VERSION}", 1, _huge)


def deliver(kept: Kept, server: Dovecot, user: str) -> None:
    """Put the messages into `user`'s INBOX, at no cost of space where the file system allows."""
    server.create_user(user)
    account, folder = unprivileged(), server.maildir(user) / "cur"
    for number, path in enumerate(kept.files):
        # Dovecot gives UIDs in the order of names, and believes the sizes in them.
        size = path.stat().st_size
        name = folder / f"{_START.timestamp():.0f}.M{number:09}.bench,S={size},W={size}:2,S"
        try:
            os.link(path, name)
        except OSError:
            shutil.copy2(path, name)
    if os.geteuid() == 0:
        for name in folder.iterdir():
            os.chown(name, account.uid, account.gid)


def _keep(folder: Path, number: int, make: Callable[[int], Iterator[bytes]]) -> Kept:
    if not folder.is_dir():
        building = folder.with_name(f"{folder.name}.building")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        for position, raw in enumerate(make(number)):
            path = building / f"{position:06}.eml"
            path.write_bytes(raw)
            dated = moment(position).timestamp()
            os.utime(path, (dated, dated))
        building.rename(folder)
    return _kept(sorted(folder.iterdir()))


def _kept(files: list[Path]) -> Kept:
    return Kept(files, sum(path.stat().st_size for path in files))


def moment(position: int) -> datetime:
    """Return when the message at `position` was sent."""
    return _START + timedelta(minutes=37 * position)


# -- what the messages say -------------------------------------------------------------------


class Writer:
    """Makes text of a Zipf-like vocabulary, so that the search index has real work."""

    def __init__(self, random: Random) -> None:
        self.random = random
        words = sorted(
            {"".join(random.choices(_SYLLABLES, k=random.randint(1, 4))) for _ in range(30_000)}
        )
        random.shuffle(words)
        weights = list(accumulate(1 / (rank + 3) for rank in range(len(words))))
        self.words = words
        self.paragraphs = [
            " ".join(random.choices(words, cum_weights=weights, k=random.randint(30, 110)))
            for _ in range(4_000)
        ]

    def text(self, size: int) -> str:
        """Return lines of at least `size` characters, with words of their own among them."""
        pieces, length = [], 0
        while length < size:
            paragraph = self.random.choice(self.paragraphs)
            lines = [paragraph[start : start + 72] for start in range(0, len(paragraph), 72)]
            lines.append(f"ref{self.random.randrange(10**7)}")
            pieces += [*lines, ""]
            length += len(paragraph) + 12
        return "\r\n".join(pieces)

    def subject(self) -> str:
        return " ".join(self.random.choices(self.words, k=self.random.randint(3, 8)))

    def person(self) -> str:
        name = self.random.choice(self.words)
        return f"{name.title()} Example <{name}{self.random.randrange(100)}@example.org>"

    def html(self, size: int) -> str:
        rows, length = [], 0
        while length < size:
            text = self.random.choice(self.paragraphs)[:400]
            link = f"https://news.example.org/r/{self.random.getrandbits(128):032x}"
            rows.append(
                '<tr><td style="font-family:Arial,Helvetica,sans-serif;font-size:14px;'
                'line-height:21px;color:#333333;padding:12px 24px 12px 24px;" align="left" '
                f'valign="top"><a href="{link}" style="color:#0b57d0;text-decoration:none;" '
                f'target="_blank">{text[:60]}</a><br>{text}<img src="{link}.png" width="1" '
                'height="1" alt="" style="display:block;border:0;"></td></tr>'
            )
            length += len(rows[-1])
        return (
            '<!DOCTYPE html><html><head><meta charset="utf-8"><title>Newsletter</title><style>'
            "body{margin:0;padding:0}table{border-collapse:collapse}</style></head><body>"
            '<table role="presentation" width="600" cellpadding="0" cellspacing="0">'
            + "\r\n".join(rows)
            + "</table></body></html>"
        )


def _mixed(number: int) -> Iterator[bytes]:
    random = Random(20261120)
    writer = Writer(random)
    thread: list[str] = []
    for position in range(number):
        (kind,) = random.choices(_KINDS, _SHARES)
        name = f"{position}.{random.getrandbits(64):016x}@example.org"
        if kind == "alternative":
            yield _alternative(writer, position, name)
        elif kind == "list":
            if not thread or random.random() < 0.15:
                thread = []
            yield _list_mail(writer, position, name, thread)
            thread.append(name)
        elif kind == "attachment":
            yield _with_attachment(writer, position, name)
        else:
            yield _odd_charset(writer, position, name)


def small_messages(number: int) -> Iterator[bytes]:
    """Yield `number` plain messages of 4 kB, 37 minutes apart."""
    writer = Writer(Random(20261121))
    for position in range(number):
        head = _head(writer, position, f"{position}.small@example.org", writer.subject())
        yield _joined(head, "Content-Type: text/plain; charset=utf-8", writer.text(3_300))


def _huge(number: int) -> Iterator[bytes]:
    random = Random(20261122)
    writer = Writer(random)
    for position in range(number):
        yield _attached(writer, position, "huge@example.org", 37_900_000)


def _head(writer: Writer, position: int, name: str, subject: str) -> str:
    date = format_datetime(moment(position))
    return "\r\n".join(
        [
            "Return-Path: <bounces@example.org>",
            f"Received: from mx{position % 7}.example.org (mx.example.org [192.0.2.25])",
            f"\tby mail.example.com (Postfix) with ESMTPS id {writer.random.getrandbits(40):010X}",
            f"\tfor <archive@example.com>; {date}",
            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=mail;",
            f"\tb={base64.b64encode(writer.random.randbytes(48)).decode()}",
            f"From: {writer.person()}",
            f"To: {writer.person()}, {writer.person()}",
            f"Subject: {subject}",
            f"Date: {date}",
            f"Message-ID: <{name}>",
            "MIME-Version: 1.0",
            "",
        ]
    )


def _joined(head: str, more: str, body: str) -> bytes:
    return f"{head}{more}\r\n\r\n{body}\r\n".encode()


def _alternative(writer: Writer, position: int, name: str) -> bytes:
    size = writer.random.randint(3_000, 60_000)
    boundary = f"b_{position}_alternative"
    head = _head(writer, position, name, writer.subject())
    html = binascii.b2a_qp(writer.html(size).encode(), istext=True).decode("ascii")
    body = "\r\n".join(
        [
            f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8",
            f"Content-Transfer-Encoding: 7bit\r\n\r\n{writer.text(size // 6)}",
            f"--{boundary}\r\nContent-Type: text/html; charset=utf-8",
            f"Content-Transfer-Encoding: quoted-printable\r\n\r\n{html}",
            f"--{boundary}--",
        ]
    )
    return _joined(head, f'Content-Type: multipart/alternative; boundary="{boundary}"', body)


def _list_mail(writer: Writer, position: int, name: str, thread: list[str]) -> bytes:
    subject = writer.subject()
    more = ["List-Id: Developers <dev.lists.example.org>"]
    if thread:
        subject = f"Re: thread {thread[0].partition('@')[0]}"
        more.append(f"In-Reply-To: <{thread[-1]}>")
        more.append("References: " + "\r\n ".join(f"<{each}>" for each in thread[-12:]))
    more.append("Content-Type: text/plain; charset=us-ascii")
    text = writer.text(writer.random.randint(600, 7_000))
    return _joined(_head(writer, position, name, subject), "\r\n".join(more), text)


def _with_attachment(writer: Writer, position: int, name: str) -> bytes:
    return _attached(writer, position, name, int(10_000 * 100 ** (writer.random.random() ** 1.5)))


def _attached(writer: Writer, position: int, name: str, size: int) -> bytes:
    boundary = f"b_{position}_mixed"
    # One in three is a table that shrinks, the others are as good as random, like PDF or JPEG.
    if writer.random.random() < 0.33:
        row = f"{position};{writer.subject()};{writer.random.random()};EUR\r\n".encode()
        data, kind, extension = (row * (size // len(row) + 1))[:size], "text/csv", "csv"
    else:
        data, kind, extension = writer.random.randbytes(size), "application/pdf", "pdf"
    encoded = base64.encodebytes(data).decode("ascii").replace("\n", "\r\n")
    body = "\r\n".join(
        [
            f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n",
            writer.text(writer.random.randint(300, 2_500)),
            f"--{boundary}\r\nContent-Type: {kind}",
            f'Content-Disposition: attachment; filename="file{position}.{extension}"',
            f"Content-Transfer-Encoding: base64\r\n\r\n{encoded}",
            f"--{boundary}--",
        ]
    )
    head = _head(writer, position, name, writer.subject())
    return _joined(head, f'Content-Type: multipart/mixed; boundary="{boundary}"', body)


def _odd_charset(writer: Writer, position: int, name: str) -> bytes:
    charset, sentence = _ODD[position % len(_ODD)]
    word = base64.b64encode(sentence[:12].encode(charset)).decode("ascii")
    head = _head(writer, position, name, f"=?{charset}?B?{word}?=")
    data = (sentence * writer.random.randint(5, 120)).encode(charset)
    encoded = base64.encodebytes(data).decode("ascii").replace("\n", "\r\n")
    more = f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: base64"
    return _joined(head, more, encoded)
