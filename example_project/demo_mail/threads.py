"""Conversations: reads the texts, spreads them over office hours, quotes, signs, sends.

The texts (texts/*.txt) are written for people:

    == 402 engineering | The buoy that thinks it is in Peru
    @ tomas with gnss.log
    First post of a thread that began 402 days before the end.
    @ asa
    A reply to the post before; it quotes that one's first paragraph.
    @ kenji re 1
    A reply to post 1. "fresh" instead of "re" quotes nothing.

Blank lines part paragraphs. Who writes is in people.py; who answers for the events team is "clara".
"""

from __future__ import annotations

import html
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from textwrap import fill

from . import attachments, wire
from .envelope import Envelope, message_id
from .message import DemoMessage
from .moments import days_before, in_office_hours
from .people import PEOPLE, Person

TEXTS = Path(__file__).parent / "texts"
_THREAD = re.compile(r"== (\d+) (\w+) \| (.*)")
_POST = re.compile(r"@ (\w+)(?: re (\d+))?( fresh)?(?: with (.+))?")


@dataclass
class Post:
    """One message of a thread; `answers` is the index of another post, None for the first."""

    author: str
    answers: int | None
    quotes: bool
    files: list[str]
    lines: list[str] = field(default_factory=list)

    @property
    def paragraphs(self) -> list[str]:
        return "\n".join(self.lines).strip().split("\n\n")


@dataclass
class Thread:
    """A conversation that began `days` before the end."""

    account: str
    days: int
    subject: str
    posts: list[Post] = field(default_factory=list)


def read(text: str) -> list[Thread]:
    """Return the threads in `text`.

    Raises:
        ValueError: a line starting with "==" or "@ " is not understood.
    """
    threads: list[Thread] = []
    for line in text.splitlines():
        if line.startswith("=="):
            if not (head := _THREAD.fullmatch(line)):
                raise ValueError(line)
            threads.append(Thread(head[2], int(head[1]), head[3]))
        elif line.startswith("@ "):
            if not (head := _POST.fullmatch(line)):
                raise ValueError(line)
            posts = threads[-1].posts
            answers = int(head[2]) - 1 if head[2] else len(posts) - 1 if posts else None
            files = head[4].split(", ") if head[4] else []
            posts.append(Post(head[1], answers, not head[3] and bool(posts), files))
        elif threads:
            threads[-1].posts[-1].lines.append(line)
    return threads


def send(thread: Thread, end: datetime) -> Iterator[DemoMessage]:
    """Yield the thread's messages; replies follow within hours, in their author's office hours."""
    chance = random.Random(thread.subject)
    sent: list[datetime] = []
    ids: list[str] = []
    for number, post in enumerate(thread.posts):
        person = PEOPLE[post.author]
        if post.answers is None:
            hour, minute = chance.randrange(8, 17), chance.randrange(60)
            moment = days_before(end, thread.days, person.zone, hour, minute)
        else:
            wait = timedelta(minutes=chance.choice((9, 23, 48, 95, 170, 320, 1400)))
            later = max(sent[-1] + timedelta(minutes=3), sent[post.answers] + wait)
            spread = timedelta(minutes=chance.randrange(50), seconds=chance.randrange(60))
            moment = in_office_hours(later, person.zone) + spread
        sent.append(moment)
        ids.append(message_id(person, thread.subject, number))
        yield _envelope(thread, number, moment, ids).deliver(
            _content(thread, number, sent), seen=chance.random() < 0.8 or thread.days > 90
        )


def conversations(end: datetime) -> Iterator[DemoMessage]:
    """Yield the messages of every thread in the texts."""
    for path in sorted(TEXTS.glob("*.txt")):
        for thread in read(path.read_text(encoding="utf-8")):
            yield from send(thread, end)


def _envelope(thread: Thread, number: int, moment: datetime, ids: list[str]) -> Envelope:
    post = thread.posts[number]
    references: list[str] = []
    above = post.answers
    while above is not None:
        references.insert(0, ids[above])
        above = thread.posts[above].answers
    to: list[Person] = []
    own = thread.account == "events" and post.author == "clara"
    if own:
        others = [PEOPLE[each.author] for each in thread.posts if each.author != "clara"]
        to = list(dict.fromkeys(others))[:1]
    subject = thread.subject
    if references:
        subject = f"AW: {subject}" if post.author == "jurgen" else f"Re: {subject}"
    return Envelope(
        thread.account,
        PEOPLE[post.author],
        moment,
        subject,
        ids[number],
        to=to,
        references=references,
        folder="Sent" if own else "INBOX",
    )


def _content(thread: Thread, number: int, sent: list[datetime]) -> wire.Part:
    post = thread.posts[number]
    person = PEOPLE[post.author]
    quoted = ""
    attribution = ""
    if post.quotes and post.answers is not None:
        above = thread.posts[post.answers]
        quoted = above.paragraphs[0]
        when = sent[post.answers]
        name = PEOPLE[above.author].name
        attribution = f"On {when:%a}, {when.day} {when:%b %Y} at {when:%H:%M}, {name} wrote:"
    part = _plain(person, attribution, quoted, post.paragraphs)
    if person.html:
        page = _html(person, attribution, quoted, post.paragraphs)
        part = wire.multipart("alternative", (part, page))
    if post.files:
        part = wire.multipart("mixed", (part, *map(attachments.named, post.files)))
    return part


def _plain(person: Person, attribution: str, quoted: str, paragraphs: list[str]) -> wire.Part:
    # A line that ends in a blank goes on in the next one (RFC 3676 section 4.1).
    soft = " \n" if person.flowed else "\n"
    pieces = []
    if quoted:
        cited = fill(_joined(quoted), 72, initial_indent="> ", subsequent_indent="> ")
        pieces.append(f"{attribution}\n{cited}")
    pieces += [
        each if _is_listing(each) else fill(_joined(each), 70).replace("\n", soft)
        for each in paragraphs
    ]
    body = "\n\n".join(pieces) + "\n"
    if person.signature:
        body += f"\n-- \n{person.signature}\n"
    charset = wire.fitting(body, person.charset)
    parameters = "; format=flowed" if person.flowed else ""
    return wire.text(body, charset=charset, parameters=parameters)


def _html(person: Person, attribution: str, quoted: str, paragraphs: list[str]) -> wire.Part:
    lines = [f"<p>{html.escape(each).replace(chr(10), '<br>')}</p>" for each in paragraphs]
    lines.append(f"<p>-- <br>{html.escape(person.signature).replace(chr(10), '<br>')}</p>")
    if quoted:
        lines.append(
            f"<div>{html.escape(attribution)}</div>"
            '<blockquote type="cite" style="margin:0 0 0 .8ex;border-left:2px solid #9fb3c8;'
            f'padding-left:1ex">{html.escape(quoted)}</blockquote>'
        )
    style = "font-family:Calibri,Helvetica,sans-serif;font-size:11pt;color:#12263a"
    page = f'<html><body style="{style}">\n' + "\n".join(lines) + "\n</body></html>\n"
    return wire.text(page, "html", wire.fitting(page, person.charset), "quoted-printable")


def _joined(paragraph: str) -> str:
    return " ".join(paragraph.split())


def _is_listing(paragraph: str) -> bool:
    return any(line.startswith(("  ", "* ", "1.", "2.")) for line in paragraph.splitlines())
