"""The Tide Letter: a monthly HTML newsletter as marketing departments send it.

Tables inside tables, inline pictures by Content-ID, pictures loaded from afar, a hidden
preheader and a tracking pixel: what an archive has to show well and must not load unasked.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import datetime

from . import attachments, wire
from .envelope import Envelope, message_id
from .message import DOMAIN, DemoMessage
from .moments import days_before
from .people import Person

SENDER = Person("The Tide Letter", f"letter@news.{DOMAIN}", 60, agent="Lettersmith 7.1")
REMOTE = "https://images.lettersmith.example"

# Title, sky, and two items of a headline and a text each.
ISSUES = (
    (
        "Autumn gales and open doors",
        "#c38d9e",
        ("Storm season begins", "Our forty stations are ready. So is the coffee machine."),
        ("A class visits", "Sixty questions from ten-year-olds. We knew forty answers."),
    ),
    (
        "The month without a horizon",
        "#9aa5b1",
        ("Fog, measured", "Nineteen days of it. Visibility is now a column in your data."),
        ("New in the shop", "Tide tables on paper, for those who drop telephones in the sea."),
    ),
    (
        "Ice, and how to listen to it",
        "#a9cce3",
        ("Two buoys come ashore", "L1 and L2 spend the winter in a shed with a view."),
        ("Talk in January", "What an ice sheet sounds like when a ferry is still far away."),
    ),
    (
        "Short days, long waves",
        "#5d6d7e",
        ("Wave of the year", "4.9 m at Vinga, on a Tuesday, seen by nobody but the sensor."),
        ("Books", "Our harbour library now lends by post. Returns may smell of salt."),
    ),
    (
        "A clock with one hand",
        "#f5cba7",
        ("The tide clock", "Why the clock in our window takes 12 hours and 25 minutes."),
        ("Lecture", "The start line is never where you think: with wave tank and corks."),
    ),
    (
        "Spring comes from the south-west",
        "#a3e4d7",
        ("First swimmers", "The sensor at G2 noticed before the webcam did."),
        ("Open data", "Levels of five harbours, free for schools. Ask us for a key."),
    ),
    (
        "Everything is painted",
        "#f9e79f",
        ("Yellow is a regulation", "RAL 1023, two coats. One of them is on the mechanic."),
        ("Baltic Expo", "Stand B14: the tank makes waves, the carpets stay dry."),
    ),
    (
        "The seal and the cone",
        "#aed6f1",
        ("An unexpected load", "Ninety kilos, whiskers, punctual. We built a cone."),
        ("Open day", "Second Saturday in May. There will be enough sausages."),
    ),
    (
        "Four hundred and twelve guests",
        "#f6b26b",
        ("Thank you for coming", "412 guests, no queue, nine sausages left, one trombone solo."),
        ("Regatta", "The quay has a clear way of 1.5 m, tested by an aunt."),
    ),
    (
        "White nights",
        "#fadbd8",
        ("Who reads the sea at night?", "A talk for light sleepers, with sign language."),
        ("Release 4.2", "New firmware, shorter manual. We measured the manual."),
    ),
    (
        "Holiday edition",
        "#f7dc6f",
        ("Water temperatures", "Twenty-two degrees in Lysekil. We checked twice, with a toe."),
        ("Postcards", "Send us your harbour. The best one hangs beside the tide clock."),
    ),
    (
        "Lost, found, measured",
        "#d7bde2",
        ("Harbour night", "Four umbrellas, one shoe, one mouthpiece. Please collect them."),
        ("Data service", "Eleven ships in the Aegean now read our gauges."),
    ),
    (
        "The weather held until 18:58",
        "#e59866",
        ("On rain", "How we know to the minute when a party may begin."),
        ("Jobs", "We look for a person who likes both solder and seasickness."),
    ),
    (
        "Candles and sprinklers",
        "#85c1e9",
        ("Lucia in the hall", "On the 13th at eight. Battery candles inside, real ones outside."),
        ("Save the date", "Open day: second Saturday in May, high water at noon."),
    ),
)


def letters(end: datetime) -> Iterator[DemoMessage]:
    """Yield one letter a month, the newest six days before `end`."""
    for number, (title, sky, *items) in enumerate(ISSUES, 1):
        days = 6 + 30 * (len(ISSUES) - number)
        sent = days_before(end, days, 60, 10, 15)
        subject = f"The Tide Letter {number}: {title}"
        # Under 70 characters: longer ones are often encoded, which breaks one-click (RFC 8058).
        leave = f"https://news.{DOMAIN}/leave/{number:02}{wire.digest(title)[:8]}"
        extra = (
            ("List-Id", f"The Tide Letter <letter.news.{DOMAIN}>"),
            ("List-Unsubscribe", f"<{leave}>, <mailto:leave@news.{DOMAIN}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        )
        identity = message_id(SENDER, title)
        envelope = Envelope("events", SENDER, sent, subject, identity, extra=extra)
        yield envelope.deliver(_body(number, title, sky, items, leave), seen=days > 30)


def _body(number: int, title: str, sky: str, items: list[tuple[str, str]], leave: str) -> wire.Part:
    logo, scene = f"logo.{number}@news.{DOMAIN}", f"scene.{number}@news.{DOMAIN}"
    page = wire.text(
        _page(number, title, items, leave, logo, scene), "html", "utf-8", "quoted-printable"
    )
    related = wire.multipart(
        "related",
        (
            page,
            wire.file(attachments.logo(), "image/png", "logo.png", cid=logo),
            wire.file(attachments.scene(sky), "image/jpeg", "harbour.jpg", cid=scene),
        ),
        '; type="text/html"',
    )
    lines = [f"THE TIDE LETTER {number}", title, ""]
    for headline, words in items:
        lines += [f"* {headline}", f"  {words}", ""]
    lines += ["Leave this list:", leave, ""]
    return wire.multipart("alternative", (wire.text("\n".join(lines)), related))


def _page(
    number: int, title: str, items: list[tuple[str, str]], leave: str, logo: str, scene: str
) -> str:
    # The last item's picture is loaded from afar, as is the pixel that says who read it.
    cells = "".join(
        f"""
      <tr><td style="padding:18px 32px 0 32px">
        <h2 style="margin:0;font-size:18px;color:#0b4f6c">{html.escape(headline)}</h2>
        <p style="margin:6px 0 0 0;font-size:15px;line-height:1.5">{html.escape(words)}</p>
        <a href="https://news.{DOMAIN}/{number}/{place}" style="color:#e4572e">Read on &rarr;</a>
      </td></tr>"""
        for place, (headline, words) in enumerate(items, 1)
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>
<style>
  body {{ margin: 0; background: #e8f4f8; }}
  @media (max-width: 620px) {{ .sheet {{ width: 100% !important; }} }}
  .foot a {{ color: #9fb3c8; }}
</style></head>
<body bgcolor="#e8f4f8" style="font-family:Georgia,serif;color:#12263a">
<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">\
{html.escape(items[0][1])} &#847; &zwnj; &nbsp; &#847; &zwnj; &nbsp;</div>
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">
  <tr><td align="center" style="padding:24px 8px">
    <table role="presentation" class="sheet" width="600" cellpadding="0" cellspacing="0" border="0"
           bgcolor="#ffffff" style="border-radius:8px;background:#ffffff">
      <tr><td bgcolor="#0b4f6c" style="padding:12px 32px;border-radius:8px 8px 0 0">
        <img src="cid:{logo}"
        width="180" height="60" alt="Tidemark" style="display:block"></td></tr>
      <tr><td><img src="cid:{scene}" width="600" alt="A buoy and a sailing boat off a rocky coast"
        style="display:block;width:100%;height:auto"></td></tr>
      <tr><td style="padding:24px 32px 0 32px">
        <h1 style="margin:0;font-size:26px;line-height:1.2">{html.escape(title)}</h1>
      </td></tr>{cells}
      <tr><td style="padding:18px 32px"><img src="{REMOTE}/{number}/footer.jpg" width="536"
        height="120" alt="Picture of the month" style="display:block;border:0"></td></tr>
      <tr><td class="foot" bgcolor="#12263a" style="padding:18px 32px;color:#9fb3c8;font-size:12px">
        Tidemark Instruments AB &middot; Slipgatan 4 &middot; Gothenburg<br>
        <a href="{leave}">Leave this list</a></td></tr>
    </table>
    <img src="{REMOTE}/o.gif?c={number}&amp;r={wire.digest(leave)[:12]}" alt=""
      width="1" height="1">
  </td></tr>
</table>
</body></html>
"""
