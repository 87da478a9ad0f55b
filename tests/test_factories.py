"""What tests are made of is what it says it is."""

from __future__ import annotations

from tests import factories


def test_mail_written_by_hand_is_what_the_library_writes() -> None:
    headers = {
        "From": "Ada Lovelace <ada@example.org>",
        "To": "charles <charles@example.org>",
        "Date": "Thu, 05 Mar 2026 14:30:00 +0100",
        "Message-ID": "<one@example.org>",
        "Subject": "Number 1",
        "In-Reply-To": "<none@example.org>",
    }
    body = "Hello: a line.\n\n" + "x" * 78 + "\n"
    assert factories.plain(headers, body) == factories.composed(headers, body)
