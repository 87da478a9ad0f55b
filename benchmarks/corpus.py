"""The folder that is read and searched: the same mail in every run, and alike at any size.

Messages of 4 kB, 37 minutes apart. A tenth is one long thread, a tenth threads of 50, the rest
threads of four or so. 2,000 people write, few of them much; two thirds come by one of five lists;
one in five has HTML, one in seven an attachment of 2 kB.

Each of `COMMON` stands in half of all messages, each of `PHRASES` in one of 50 and its words, the
other way round, in a third; each of `rare_words` in about 50.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import format_datetime
from itertools import accumulate
from random import Random

from .mailbox import Writer, moment

VERSION = 1
LONG_SHARE = 10  # one message in so many is of the long thread
THREAD = 50
COMMON = tuple(f"commonplace{number}" for number in range(8))
PHRASES = tuple((f"quiet{number}", f"harbour{number}") for number in range(4))
_PEOPLE = 2_000
_LISTS = 5
_HITS = 50
_OPEN = 20  # threads that go on at a time


def rare_words(number: int) -> list[str]:
    """Return the rare words that stand in `number` messages."""
    return [f"seldom{which}" for which in range(max(number // _HITS, 1))]


def messages(number: int, name: str) -> Iterator[bytes]:
    """Yield `number` messages; those of another `name` are others."""
    random = Random(f"20261121 {name}")
    writer = Writer(random)
    people = [writer.person() for _ in range(_PEOPLE)]
    weights = list(accumulate(1 / (rank + 10) for rank in range(_PEOPLE)))
    threads = _Threads(random, writer)
    rare = rare_words(number)
    for position in range(number):
        own = f"{position}.{name}@example.org"
        date = format_datetime(moment(position))
        subject, before = threads.place(position, own)
        sender, first, second = random.choices(people, cum_weights=weights, k=3)
        head = [
            "Received: from mx.example.org by mail.example.com",
            f"\twith ESMTPS id {position:010}; {date}",
            f"From: {sender}",
            f"To: {first}, {second}",
            f"Subject: {subject}",
            f"Date: {date}",
            f"Message-ID: <{own}>",
            "MIME-Version: 1.0",
        ]
        if before:
            head.append(f"In-Reply-To: <{before[-1]}>")
            head.append("References: " + "\r\n ".join(f"<{each}>" for each in before))
        if position % 3:
            head.append(f"List-Id: <list{random.randrange(_LISTS)}.lists.example.org>")
        text = writer.text(2_800 if before else 3_300)
        if before:
            text += f"\r\n{sender.partition('<')[0]}wrote:\r\n" + _quoted(writer.text(400))
        text += "\r\n" + " ".join(_searched(random, position, rare))
        yield "\r\n".join([*head, _content(random, writer, position, text)]).encode()


def _searched(random: Random, position: int, rare: list[str]) -> Iterator[str]:
    yield rare[position % len(rare)]
    for word in COMMON:
        if random.random() < 0.5:
            yield word
    for number, (one, other) in enumerate(PHRASES):
        if (position + number) % 50 == 0:
            yield f"{one} {other}"
        elif (position + number) % 3 == 0:
            yield f"{other} and {one}"


def _quoted(text: str) -> str:
    return "\r\n".join(f"> {line}" for line in text.split("\r\n"))


def _content(random: Random, writer: Writer, position: int, text: str) -> str:
    """Return the rest of the headers, and the body."""
    plain = f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}"
    if position % 7 == 0:
        extension, kind = (("pdf", "application/pdf"), ("csv", "text/csv"))[position % 2]
        data = base64.encodebytes(random.randbytes(2_000)).decode("ascii")
        return _multipart(
            "mixed",
            plain,
            f"Content-Type: {kind}\r\n"
            f'Content-Disposition: attachment; filename="file{position}.{extension}"\r\n'
            f"Content-Transfer-Encoding: base64\r\n\r\n{data}",
        )
    if position % 5 == 0:
        html = binascii.b2a_qp(writer.html(3_000).encode(), istext=True).decode("ascii")
        return _multipart(
            "alternative",
            plain,
            "Content-Type: text/html; charset=utf-8\r\n"
            f"Content-Transfer-Encoding: quoted-printable\r\n\r\n{html}",
        )
    return plain


def _multipart(kind: str, *parts: str) -> str:
    lines = [f'Content-Type: multipart/{kind}; boundary="part of it"', ""]
    lines += [f"--part of it\r\n{part}" for part in parts]
    return "\r\n".join([*lines, "--part of it--", ""])


@dataclass(slots=True)
class _Thread:
    subject: str
    messages: list[str] = field(default_factory=list)


class _Threads:
    """Which messages answer which."""

    def __init__(self, random: Random, writer: Writer) -> None:
        self._random = random
        self._writer = writer
        self._long = self._new()
        self._fifty = self._new()
        self._short: list[_Thread] = []

    def place(self, position: int, own: str) -> tuple[str, list[str]]:
        """Return subject and References of the message called `own`."""
        thread = self._thread(position)
        names = thread.messages
        if not names:
            names.append(own)
            return thread.subject, []
        answered = self._random.randrange(max(len(names) - 10, 0), len(names))
        before = names[max(answered - 5, 0) : answered + 1]
        names.append(own)
        return f"Re: {thread.subject}", before

    def _thread(self, position: int) -> _Thread:
        if position % LONG_SHARE == 0:
            return self._long
        if position % LONG_SHARE == LONG_SHARE // 2:
            if len(self._fifty.messages) == THREAD:
                self._fifty = self._new()
            return self._fifty
        if self._short and self._random.random() < 0.75:
            return self._random.choice(self._short)
        if len(self._short) == _OPEN:
            del self._short[self._random.randrange(_OPEN)]
        self._short.append(self._new())
        return self._short[-1]

    def _new(self) -> _Thread:
        return _Thread(self._writer.subject())
