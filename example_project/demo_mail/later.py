"""Mail that arrives while the demo runs, so that fetching again brings something new."""

from __future__ import annotations

from datetime import datetime

from . import attachments, wire
from .envelope import Envelope, message_id
from .message import DemoMessage
from .people import PEOPLE

# Author, account, subject, and the author of the first post of the thread it goes on ("" for a
# new one); Message-IDs do not depend on the demo's end, so replies find their thread.
_ARRIVALS = (
    (
        "harriet",
        "engineering",
        "Who moved the tide clock?",
        "harriet",
        "I waited until three o'clock. It is right again, and I have told nobody how.",
    ),
    (
        "greta",
        "events",
        "Next year's open day: shall we say the second Saturday in May?",
        "bo",
        "The second Saturday in May is in our book: 350 sausages, 180 vegetarian, bread for 600.",
    ),
    (
        "sam",
        "engineering",
        "First ice on the quay",
        "",
        "There is ice on the quay at Luleå this morning, thin as a receipt. I have taken a picture"
        " and a fall, in that order.",
    ),
    (
        "lena",
        "events",
        "Lucia morning in the hall: singers, candles, sprinklers",
        "lena",
        "We are 26 now. Two more candles, and one who would like to be the gull.",
    ),
    (
        "tomas",
        "engineering",
        "Release 4.2: what goes in, what waits",
        "asa",
        'All forty buoys run 4.2 since this morning. The note that said "K7!!" hangs in a frame.',
    ),
)


def arrival(number: int, now: datetime) -> DemoMessage:
    """Return the message that arrives as the `number`th after the demo's end, counted from 0.

    Args:
        now: when it arrives, aware; microseconds are dropped.
    """
    author, account, subject, opener, words = _ARRIVALS[number % len(_ARRIVALS)]
    person = PEOPLE[author]
    # After one round everything is a new subject, lest threads fill with the same sentence.
    again = number // len(_ARRIVALS)
    references = (message_id(PEOPLE[opener], subject, 0),) if opener and not again else ()
    shown = f"Re: {subject}" if references else subject
    if again:
        shown = f"{subject} ({again + 1})"
    part = wire.text(f"{words}\n\n-- \n{person.signature}\n")
    if not opener:
        part = wire.multipart("mixed", (part, attachments.named("ice-on-the-quay.jpg")))
    envelope = Envelope(
        account,
        person,
        now.replace(microsecond=0),
        shown,
        message_id(person, "arrival", number),
        references=references,
    )
    return envelope.deliver(part, seen=False)
