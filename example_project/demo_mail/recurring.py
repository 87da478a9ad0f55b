"""Mail that machines and forms send: the fortnightly network report, alarms, registrations."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from . import wire
from .envelope import Envelope, message_id
from .message import DOMAIN, DemoMessage
from .moments import days_before
from .people import PEOPLE, Person

WATCH = Person("Buoy Watch", f"watch@{DOMAIN}", 0, agent="buoywatch/4.2")
FORM = Person("Tidemark website", f"no-reply@www.{DOMAIN}", 60, agent="webform/2.0")
STATIONS = ("K3", "K7", "G2", "L1", "L2", "T3", "V1", "Port Askaig")
AUTO: tuple[wire.Header, ...] = (("Auto-Submitted", "auto-generated"),)

REMARKS = """\
Nothing happened, and all of it was measured.
K7 has been in one country for two weeks. We congratulate.
The gull at Vinga is back and is now counted as equipment.
Highest level: 88 cm at G2, during the storm that had no name because it was too short.
V1 was silent for six minutes. It says that it was thinking.
First frost on the solar panels. Yield minus 22 %, beauty plus some.
L1 and L2 are ashore. The network is smaller and warmer.
Two readings of 9,999 cm turned out to be a spider.
Lowest battery: 12.1 V at T3. It has been worse and it has been Tuesday.
All clocks agree to within 40 ms, for the first time since we measure that.
A fishing boat moored at K3 for lunch. Tilt 4 degrees, quality of lunch unknown.
Port Askaig reports no ferries.
The new radio driver has sent 41,000 packets and lost ten. We know their names.
Sea temperature below zero at L2, which is ashore in a shed. It is cold in the shed.
The satellite was late twice. Its operator sends apologies and an invoice.
Ice in the fairway at Turku. T3 stands upright, as if it had a choice.
Storm on Sunday: 31 m/s at V1, no data lost, one radar reflector lost.
The radar reflector was found by a walker, who asks if it is art.
Calm. The longest time without a wave above 30 cm since we began to count.
Spring: the panels give more than the stations use. It will be reported as normal soon.
K3 was painted. For an hour the wind sensor measured the brush.
First swimmers at G2. The wave sensor noticed before the webcam.
T3 lists in the mornings. See the other thread, and bring a cone.
A swan sits on L1. Nobody volunteers to ask it for its papers.
Midsummer: nobody read this report last time, according to the log.
All stations up for the whole fortnight. There is nothing to add and I add it gladly.
Seaweed on the conductivity cell at V1. It reads as soup.
The data service answered its ten millionth request. It was for Rafina.
Autumn: the first alarm for low battery that really was one.
The cold room reports minus 15, as it should, and a bottle of lemonade, as it should not.
""".splitlines()

ALARMS = (
    (368, "K3", "battery below 11.8 V", "battery back at 12.6 V, panel was covered by snow"),
    (317, "V1", "wind sensor stuck at 0.0 m/s", "wind sensor turning again, ice gone"),
    (262, "T3", "no data for 60 minutes", "data again, 120 readings delivered late, none lost"),
    (231, "G2", "level above 80 cm", "level below 80 cm, maximum was 91 cm at 03:40 UTC"),
    (158, "K7", "position 420 m off", "position restored, mooring was lifted for inspection"),
    (116, "L1", "hatch open", "hatch closed, it was Mirjam"),
    (54, "Port Askaig", "quality doubtful for 6 hours", "quality good, intake cleaned"),
    (23, "K3", "tilt above 30 degrees", "tilt 2 degrees, visiting boat has left"),
)

VISITORS = (
    ("Ingrid Dahl", "Open day", "Two adults, one child who knows everything about octopuses."),
    ("Jean-Luc Éloi", "Summer talk", "May I come in French? I mean the questions, not the coat."),
    ("Björk Stefánsdóttir", "Wave tank evening", "I sail a Folkboat and I would like revenge."),
    ("Amina Diallo", "Open day", "We are a group of eight from the library."),
    ("Zdeněk Černý", "Summer talk", "Is there somewhere to leave a bicycle with a trailer?"),
    ("Niamh Byrne", "Harbour night", "I play the concertina and can be asked to stop."),
    ("Oskar Lund", "Open day", "I worked here in 1988 and made a clock. Is it still there?"),
    ("Thị Mai Nguyễn", "Wave tank evening", "My students build harbours from sugar cubes."),
    ("Gülşen Yılmaz", "Harbour night", "Four persons. One is allergic to nuts, one to speeches."),
    ("Per Åkesson", "Open day", "Last year the sausages were gone at three. Just saying."),
    ("Sofía Márquez", "Summer talk", "I would like a seat near the sign language interpreter."),
    ("David Stone", "Open day", "Can the buoy be climbed by people of 71?"),
    ("Łucja Zając", "Harbour night", "We arrive by boat, 9.4 m, draught 1.5 m. Is there room?"),
    ("Eilidh Grant", "Wave tank evening", "Does one get wet? I ask for a friend with a hat."),
    ("Mattias Öberg", "Lucia morning", "I am the father of a candle."),
    ("Chloë Baker", "Open day", "Is the tide clock for sale? I was told to ask Clara."),
)


def reports(end: datetime) -> Iterator[DemoMessage]:
    """Yield the network report of every second week, with its remark."""
    for number, remark in enumerate(REMARKS):
        days = 4 + 14 * (len(REMARKS) - 1 - number)
        sent = days_before(end, days, WATCH.zone, 6, 30)
        chance = random.Random(number)
        rows = [
            f"{name:<12} {chance.randint(9880, 10000) / 100:>7.2f} %"
            f" {chance.randint(-45, 80):>7} cm {chance.randint(120, 136) / 10:>8.1f} V"
            for name in STATIONS
        ]
        week = sent.isocalendar().week
        body = (
            f"Network report, week {week}\n\n{remark}\n\n"
            f"{'station':<12} {'uptime':>9} {'max level':>10} {'battery':>10}\n"
            + "\n".join(rows)
            + f"\n\nDetails: https://watch.{DOMAIN}/weeks/{week}\n"
        )
        identity = message_id(WATCH, "report", number)
        subject = f"Network report, week {week}"
        envelope = Envelope("engineering", WATCH, sent, subject, identity, extra=AUTO)
        yield envelope.deliver(wire.text(body), seen=days > 14)


def alarms(end: datetime) -> Iterator[DemoMessage]:
    """Yield alarms of stations, each followed by the all-clear in its thread."""
    for days, station, trouble, relief in ALARMS:
        chance = random.Random(trouble)
        begun = days_before(end, days, WATCH.zone, chance.randrange(24), chance.randrange(60))
        ended = begun + timedelta(minutes=chance.randrange(70, 900))
        first = message_id(WATCH, "alarm", days)
        second = message_id(WATCH, "clear", days)
        urgent = (*AUTO, ("X-Priority", "1"))
        for envelope, line in (
            (
                Envelope(
                    "engineering",
                    WATCH,
                    begun,
                    f"[ALARM] {station}: {trouble}",
                    first,
                    extra=urgent,
                ),
                f"{station}: {trouble}",
            ),
            (
                Envelope(
                    "engineering",
                    WATCH,
                    ended,
                    f"[clear] {station}: {trouble}",
                    second,
                    references=(first,),
                    extra=AUTO,
                ),
                f"{station}: {relief}",
            ),
        ):
            body = f"{line}\n\ntime: {envelope.sent:%Y-%m-%d %H:%M} UTC\nrule: {len(trouble)}\n"
            yield envelope.deliver(wire.text(body))


def registrations(end: datetime) -> Iterator[DemoMessage]:
    """Yield what visitors entered in the website's form; some get an answer from Clara."""
    clara = PEOPLE["clara"]
    for number, (name, event, words) in enumerate(VISITORS):
        chance = random.Random(words)
        days = 392 - 24 * number
        sent = days_before(end, days, 60, chance.randrange(7, 23), chance.randrange(60))
        local = wire.digest(name)[:6]
        visitor = Person(name, f"guest-{local}@post.example", 60)
        identity = message_id(FORM, name)
        body = f"Event: {event}\nName: {name}\nE-mail: {visitor.address}\n\nMessage:\n{words}\n"
        reply_to = ("Reply-To", wire.mailbox(visitor.name, visitor.address))
        subject = f"Registration: {event} ({name})"
        # Last season's were put aside by hand, into a folder of a Swedish name.
        folder = "Anmälningar" if days > 240 else "INBOX"
        envelope = Envelope(
            "events", FORM, sent, subject, identity, folder=folder, extra=(reply_to, *AUTO)
        )
        yield envelope.deliver(wire.text(body, charset="utf-8", encoding="base64"))
        if number % 2:
            continue
        answer = Envelope(
            "events",
            clara,
            sent.replace(hour=9, minute=chance.randrange(60)) + timedelta(days=1),
            f"Re: {subject}",
            message_id(clara, "answer", name),
            to=(visitor,),
            references=(identity,),
            folder="Sent",
        )
        thanks = (
            f'Dear {name},\n\nthank you, you are on the list for "{event}". The answer to your\n'
            "line is yes; if it was not a question, the answer is that we look forward to it.\n\n"
            f"-- \n{clara.signature}\n"
        )
        yield answer.deliver(wire.text(thanks))
