"""Mail that readers meet: several dates, HTML with images, attachments."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

from tests import factories

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360f8cf500f0003860180346b5b470000000049454e44ae426082"
)
CONTENT_ID = "logo@example.org"
REMOTE = "https://tracker.invalid/pixel.png"


def dated(moment: datetime, subject: str = "Subject", body: str = "Body\n") -> bytes:
    return factories.raw(subject, body, Date=format_datetime(moment))


def series(count: int, begin: datetime, step: timedelta = timedelta(hours=1)) -> list[bytes]:
    """`count` messages, "Number 0" the oldest."""
    return [dated(begin + number * step, f"Number {number}") for number in range(count)]


def html(
    source: str = f'<p>Hello <img src="cid:{CONTENT_ID}" alt="Logo"></p><img src="{REMOTE}">',
    *,
    image: bytes = PNG,
    image_type: str = "png",
    text: str = "Hello in plain words\n",
) -> bytes:
    """A message with text, HTML, an inline image and an attached text file."""
    message = EmailMessage()
    message["From"] = "Ada <ada@example.org>"
    message["Date"] = "Thu, 05 Mar 2026 14:30:00 +0900"
    message["Subject"] = "Newsletter"
    message.set_content(text)
    message.add_alternative(source, subtype="html")
    body = message.get_payload()[1]  # type: ignore[index]
    body.add_related(image, "image", image_type, cid=f"<{CONTENT_ID}>")  # type: ignore[union-attr]
    message.add_attachment(b"a;b\n1;2\n", "text", "csv", filename="tabelle – März.csv")
    return message.as_bytes()


def attached(name: str, content: bytes, content_type: str = "application/pdf") -> bytes:
    """A message with one attachment."""
    message = EmailMessage()
    message["From"] = "Ada <ada@example.org>"
    message["Date"] = "Thu, 05 Mar 2026 14:30:00 +0100"
    message["Subject"] = "With attachment"
    message.set_content("See attachment\n")
    main, sub = content_type.split("/")
    message.add_attachment(content, main, sub, filename=name)
    return message.as_bytes()
