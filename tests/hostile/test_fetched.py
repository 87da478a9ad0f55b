"""Hostile mail as a real server hands it over: what it sends is archived, byte for byte."""

from __future__ import annotations

import pytest

from tests import factories
from tests.hostile import journey
from tests.hostile.extent import EVERYTHING
from tests.hostile.mail import MAIL
from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.models import LedgerEntry, RunStatus

pytestmark = pytest.mark.django_db

# What is hard for a protocol: line ends, dots, bytes that are no text, and nothing at all.
HARD = (
    *("empty", "one NUL", "one CR", "only CR", "only LF", "only LFCR", "lines of dots"),
    *("line ends of old Macintoshes", "line ends of all kinds", "a header without a line end"),
    *("one word of 1 MB", "every byte", "NUL everywhere", "surrogates in UTF-8"),
    *("a Message-ID of 100 kB", "a boundary of 100 kB", "mbox-escaped lines", "cut in base64"),
)
LARGEST = 25_000_000  # bytes; larger ones would say nothing else


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_what_a_server_sends_is_archived_byte_for_byte(
    protocol: str, dovecot: Dovecot, mail_user: str
) -> None:
    made = [MAIL[name]() for name in (MAIL if EVERYTHING else HARD)]
    raws = [raw for raw in made if len(raw) <= LARGEST]
    for raw in raws:
        dovecot.deliver(mail_user, raw)
    account = factories.account(
        factories.folder(), dovecot.endpoint(mail_user, protocol=protocol), protocol=protocol
    )
    run = fetch_now(account).run
    assert run.status == RunStatus.SUCCEEDED, run.error
    assert (run.quarantined, run.waiting, run.anomaly_code) == (0, 0, "")
    assert run.archived + run.duplicates == len(raws)
    assert run.adds_up
    entries = LedgerEntry.objects.order_by("uid").select_related("original")
    for entry, raw in zip(entries, raws, strict=True):
        assert entry.original is not None
        assert originals.read(entry.original) == as_sent(raw, protocol)
    assert journey.tree_is_whole()


def as_sent(raw: bytes, protocol: str) -> bytes:
    """Return what Dovecot makes of `raw`: lines end with CRLF, and what is no line end is left."""
    sent = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if protocol == "imap":
        return sent.replace(b"\0", b"\x80")  # NUL is not allowed there (RFC 3501 section 4.3.1)
    return sent if sent.endswith(b"\r\n") else sent + b"\r\n"  # RFC 1939 section 3
