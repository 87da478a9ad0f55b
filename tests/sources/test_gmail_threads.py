"""The thread that Gmail tells of a message (X-GM-THRID)."""

from __future__ import annotations

from tests.servers.scripted import ScriptedServer, Talk
from wagtail_mailarchive.sources.imap import ImapSource

GMAIL = b"IMAP4rev1 AUTH=PLAIN X-GM-EXT-1"


def test_threads_are_asked_for_where_the_server_knows_them() -> None:
    def script(talk: Talk) -> None:
        talk.log_in(GMAIL)
        talk.answer(b"EXAMINE", b"3 EXISTS", b"OK [UIDVALIDITY 7] x")
        talk.answer(
            b"UID FETCH 1:3 (INTERNALDATE X-GM-THRID BODY.PEEK[])",
            b"1 FETCH (UID 1 X-GM-THRID 1278455344230334865 BODY[] {1}\r\na)",
            b"2 FETCH (UID 2 X-GM-THRID 18446744073709551615 BODY[] {1}\r\nb)",
            b"3 FETCH (UID 3 BODY[] {1}\r\nc)",
        )
        for piece in (b"d", b""):
            talk.answer(
                b"UID FETCH 4 (INTERNALDATE X-GM-THRID BODY.PEEK[]<",
                b"4 FETCH (UID 4 X-GM-THRID 5 BODY[]<%d> {%d}\r\n%s)"
                % (1 - len(piece), len(piece), piece),
            )
        talk.await_end()

    with ScriptedServer(script) as server, ImapSource(server.endpoint()) as source:
        source.open_mailbox("INBOX")
        fetched = source.fetch([1, 2, 3])
        large = source.fetch_large(4)
    # A database has 63 bits.
    assert [each.source_thread for each in fetched] == [1278455344230334865, 2**63 - 1, None]
    assert large is not None
    assert large.source_thread == 5
