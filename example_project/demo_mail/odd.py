"""Mail with something odd about it: some of it legal, much of it broken, all of it real elsewhere.

Most of these are written line by line, since a generator would mend them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime

from . import attachments, wire
from .envelope import Envelope, message_id
from .message import DOMAIN, DemoMessage
from .moments import days_before, zone
from .people import PEOPLE, Person

GATE = Person("Gate keeper", f"gate@{DOMAIN}", 60, agent="gate/0.3")
OLD_BUOY = Person("Buoy X1", "x1@buoys.tidemark.example", 0, agent="modem")

LONG_SUBJECT = (
    "Minutes of the meeting about the minutes of the meeting about the new coffee machine, "
    "in which it was decided to decide about the coffee machine at the next meeting, provided "
    "that the minutes of this meeting are approved, that somebody brings coffee, that Jürgen has "
    "compared the offers (three, of which one was for a washing machine), that the fuse in the "
    "workshop holds, and that nobody sends subjects of this length again"
)

_GATE_HEAD = (
    b"Date: @\n"
    b"From: Gate keeper <gate@tidemark.example>\n"
    b"To: events@tidemark.example\n"
    b"Message-ID: <gate-%d@tidemark.example>\n"
    b"MIME-Version: 1.0\n"
)


def messages(end: datetime) -> Iterator[DemoMessage]:
    """Yield the odd messages."""
    yield from subjects(end)
    yield from dates(end)
    yield from identities(end)
    yield from undeclared(end)
    yield from structures(end)
    yield from damaged(end)
    yield from tangled(end)


def _raw(account: str, end: datetime, days: int, hour: int, raw: bytes) -> DemoMessage:
    """Return `raw` with CRLF line ends, "Date: @" filled in, received at `hour`."""
    at = days_before(end, days, 60, hour, days % 60)
    raw = raw.replace(b"Date: @", b"Date: " + format_datetime(at).encode("ascii"))
    return DemoMessage(account, "INBOX", at, True, raw.replace(b"\n", b"\r\n"))


def subjects(end: datetime) -> Iterator[DemoMessage]:
    """Subjects that are empty, missing, or longer than their message."""
    sam, harriet = PEOPLE["sam"], PEOPLE["harriet"]
    sent = days_before(end, 219, 0, 7, 51)
    envelope = Envelope("engineering", sam, sent, "", message_id(sam, "empty"))
    yield envelope.deliver(
        wire.text("Am on the water until four. If it rings, it is the buoy.\n\nSam\n")
    )
    sent = days_before(end, 154, 0, 16, 20)
    envelope = Envelope("events", harriet, sent, LONG_SUBJECT, message_id(harriet, "minutes"))
    yield envelope.deliver(wire.text("See above.\n\nHarriet\n"))
    yield _raw(
        "events",
        end,
        66,
        12,
        b"Return-Path: <gate@tidemark.example>\n"
        b"Date: @\n"
        b"From: gate@tidemark.example\n"
        b"To: events@tidemark.example\n"
        b"Message-ID: <gate-no-subject@tidemark.example>\n\n"
        b"The east gate was left open for 11 minutes. A goose came in.\n",
    )


def dates(end: datetime) -> Iterator[DemoMessage]:
    """Dates that are missing, absurd, or not dates at all."""
    for days, name, line in (
        (340, "no-date", b""),
        (311, "epoch", b"Date: Thu, 01 Jan 1970 00:00:00 +0000\n"),
        (270, "future", b"Date: Fri, 31 Dec 2099 23:59:59 +0000\n"),
        (169, "words", b"Date: yesterday, shortly after lunch\n"),
    ):
        body = {
            "no-date": b"My clock was not set yet when I sent this. Level 12 cm, all well.\n",
            "epoch": b"My battery was changed. I believe that it is 1970. Level 31 cm.\n",
            "future": b"Greetings from the future. The level is 44 cm. The coffee is no better.\n",
            "words": b"I was given a date by hand. Level -7 cm.\n",
        }[name]
        yield _raw(
            "engineering",
            end,
            days,
            11,
            b"Return-Path: <x1@buoys.tidemark.example>\n"
            + line
            + b"From: Buoy X1 <x1@buoys.tidemark.example>\n"
            b"To: engineering@tidemark.example\n"
            b"Subject: Buoy X1 reports (" + name.encode() + b")\n"
            b"Message-ID: <x1." + name.encode() + b"@buoys.tidemark.example>\n\n" + body,
        )


def identities(end: datetime) -> Iterator[DemoMessage]:
    """No Message-ID; one Message-ID twice; the same bytes twice."""
    yield _raw(
        "engineering",
        end,
        244,
        18,
        b"Date: @\n"
        b"From: Coffee machine <coffee@tidemark.example>\n"
        b"To: engineering@tidemark.example\n"
        b"Subject: Descaling is due\n\n"
        b"I have made 4,096 cups. I was not given a Message-ID. I make do.\n",
    )
    bo = PEOPLE["bo"]
    sent = days_before(end, 127, bo.zone, 10, 8)
    first = Envelope("events", bo, sent, "Key for the container", message_id(bo, "key"))
    yield first.deliver(wire.text("The key hangs behind the door with the fish on it.\n\nBo\n"))
    again = replace(first, sent=sent + timedelta(minutes=9))
    yield again.deliver(wire.text("Correction: behind the door WITHOUT the fish on it.\n\nBo\n"))

    asa = PEOPLE["asa"]
    sent = days_before(end, 88, asa.zone, 8, 30)
    envelope = Envelope("engineering", asa, sent, "Fire drill at eleven", message_id(asa, "drill"))
    drill = envelope.deliver(
        wire.multipart(
            "mixed",
            (
                wire.text("At eleven. Please leave the building, also if you are in a thread.\n"),
                attachments.named("meeting-point.pdf"),
            ),
        )
    )
    yield drill
    yield replace(drill, received_at=drill.received_at + timedelta(minutes=4), seen=False)


def undeclared(end: datetime) -> Iterator[DemoMessage]:
    """Text in a character set that is not declared, declared wrongly, or unknown."""
    # Raw 8-bit headers: ISO-8859-1 in one, UTF-8 in the other, declared nowhere.
    yield _raw(
        "events",
        end,
        283,
        9,
        b"Date: @\n"
        b"From: Bj\xf6rn \xc5kerman <bjorn@varmland-boats.example>\n"
        b"To: Events <events@tidemark.example>\n"
        b"Subject: F\xf6rfr\xe5gan om b\xe5tplats, 9 m l\xe5ng\n"
        b"Message-ID: <raw-latin1@varmland-boats.example>\n\n"
        b"Hej! Finns det plats den 5 juni? V\xe4nliga h\xe4lsningar, Bj\xf6rn\n",
    )
    yield _raw(
        "events",
        end,
        282,
        14,
        "Date: @\n"
        "From: Zoë Müller <zoe@kai-zwei.example>\n"
        "To: Events <events@tidemark.example>\n"
        "Subject: Größe des Wellenbeckens? 🌊\n"
        "Message-ID: <raw-utf8@kai-zwei.example>\n"
        "Content-Type: text/plain; charset=utf-8\n\n"
        "Passt es durch eine Tür von 90 cm?\n".encode(),
    )
    # A charset that is wrong, and one that does not exist.
    yield _raw(
        "events",
        end,
        119,
        9,
        _GATE_HEAD % 4
        + b"Subject: Weekly log\nContent-Type: text/plain; charset=us-ascii\n\n"
        + "Grüße vom Tor. 14 Besucher, 2 Möwen.\n".encode("cp1252"),
    )
    yield _raw(
        "events",
        end,
        91,
        9,
        _GATE_HEAD % 5 + b"Subject: =?x-gate-9?B?bm9ib2R5IGtub3dz?= weekly log\n"
        b"Content-Type: text/plain; charset=x-gate-9\nContent-Transfer-Encoding: x-gate\n\n"
        b"12 visitors, 3 gulls. I have a new character set.\n",
    )


def structures(end: datetime) -> Iterator[DemoMessage]:
    """MIME as mail programs in a hurry leave it."""
    # A multipart that names no boundary.
    yield _raw(
        "events",
        end,
        236,
        10,
        _GATE_HEAD % 1 + b"Subject: Visitor at the east gate\nContent-Type: multipart/mixed\n\n"
        b"--nobody-told-you\nContent-Type: text/plain\n\n"
        b"A visitor with a trombone asks for Greta.\n"
        b"--nobody-told-you--\n",
    )
    # A boundary that never comes to an end, in the middle of its base64.
    yield _raw(
        "events",
        end,
        195,
        17,
        _GATE_HEAD % 2 + b"Subject: Picture from camera 2 (cut off)\n"
        b'Content-Type: multipart/mixed; boundary="cut"\n\n'
        b"--cut\nContent-Type: text/plain\n\nThe line went dead while I was sending this:\n"
        b'--cut\nContent-Type: image/png; name="camera-2.png"\n'
        b"Content-Transfer-Encoding: base64\n"
        b'Content-Disposition: attachment; filename="camera-2.png"\n\n'
        + wire.transfer(attachments.logo(), "base64").replace(b"\r\n", b"\n")[:600],
    )
    # Characters in base64 that are none of its own.
    yield _raw(
        "events",
        end,
        150,
        9,
        _GATE_HEAD % 3 + b"Subject: Night log\nContent-Type: text/plain; charset=utf-8\n"
        b"Content-Transfer-Encoding: base64\n\n"
        b"VGhlIG5pZ2h0IHdhcyBxdWlldC4g***QSBmb3ggY2FtZSBieSBhdCB0d28u!\nCg=\n",
    )


def damaged(end: datetime) -> Iterator[DemoMessage]:
    """Bytes that no text should hold, and header blocks that are none."""
    # NUL bytes, as an interrupted disk leaves them.
    yield _raw(
        "engineering",
        end,
        141,
        5,
        b"Date: @\n"
        b"From: Buoy X1 <x1@buoys.tidemark.example>\n"
        b"To: engineering@tidemark.example\n"
        b"Subject: Buoy X1 reports (flash error)\n"
        b"Message-ID: <x1.flash@buoys.tidemark.example>\n\n"
        b"Level 18 cm, battery 1\x00\x00\x00\x00\x00.4 V, mood \x00\n",
    )
    # No header at all, and one that is never closed by a blank line.
    yield _raw("engineering", end, 73, 3, b"\nlevel=22 batt=12.7 (header lost at sea)\n")
    yield _raw(
        "engineering",
        end,
        47,
        3,
        b"From: Buoy X1 <x1@buoys.tidemark.example>\nSubject: only a subject, nothing below\n",
    )
    # Bare LF line ends, as some gateways leave them, and a line of 3,000 characters.
    bare = _raw(
        "engineering",
        end,
        38,
        6,
        b"Date: @\n"
        b"From: Buoy X1 <x1@buoys.tidemark.example>\n"
        b"To: engineering@tidemark.example\n"
        b"Subject: Buoy X1 reports (one long line)\n"
        b"Message-ID: <x1.line@buoys.tidemark.example>\n\n"
        + b"21.4;12.7;" * 300
        + b"\nend of line\n",
    )
    yield replace(bare, raw=bare.raw.replace(b"\r\n", b"\n"))


def tangled(end: datetime) -> Iterator[DemoMessage]:
    """Threads that lack a beginning, or have none."""
    # A reply to a message nobody here has, and two messages that each answer the other.
    nadia = PEOPLE["nadia"]
    sent = days_before(end, 205, nadia.zone, 9, 9)
    lost = Envelope(
        "events",
        nadia,
        sent,
        "Re: Trophy engraving",
        message_id(nadia, "trophy"),
        references=("<never-arrived@bergstrom-sailing.example>",),
    )
    yield lost.deliver(wire.text("Engraved it is. With both names, in the order of the finish.\n"))
    left, right = (message_id(GATE, side) for side in ("left", "right"))
    for minute, (own, other) in enumerate(((left, right), (right, left))):
        sent = days_before(end, 36, 60, 22, minute).astimezone(zone(60))
        loop = Envelope("events", GATE, sent, "Re: Are you the gate?", own, references=(other,))
        yield loop.deliver(
            wire.text("No, you are the gate.\n" if minute else "You are the gate.\n")
        )
