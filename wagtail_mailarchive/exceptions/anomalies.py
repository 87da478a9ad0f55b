"""What makes a listing of a mailbox doubtful."""

from __future__ import annotations

from .base import MailArchiveError, gettext_noop


class Anomaly(MailArchiveError):
    """What the server says of its messages does not fit what it said before.

    Nothing is lost by it: in doubt a message is read again and found by its bytes.
    """

    template = gettext_noop(
        "What the server says of its messages does not fit what it said before. "
        "So nothing was removed there in this run."
    )


class UidValidityChanged(Anomaly):
    """RFC 3501 section 2.3.1.1."""

    template = gettext_noop(
        "The server has numbered all messages of %(mailbox)s anew (UIDVALIDITY changed). They "
        "are compared with the archive once more, and nothing was removed in this run."
    )


class UidNextFell(Anomaly):
    """RFC 3501 section 2.3.1.1 lets it grow only; a mailbox restored from a backup does this."""

    template = gettext_noop(
        "The server counts the messages of %(mailbox)s from a lower number on than before "
        "(UIDNEXT fell), as after a backup was restored. All of them were compared, and nothing "
        "was removed in this run."
    )


class MessageCameBack(Anomaly):
    template = gettext_noop(
        "Mail of %(mailbox)s that had gone from the server is listed there again (messages: "
        "%(number)s). What is not as it was is read once more, and nothing was removed in this "
        "run."
    )


class UidReused(Anomaly):
    """One UID under one UIDVALIDITY names another message than before."""

    template = gettext_noop(
        "In %(mailbox)s the server has given numbers of messages to other messages (so many: "
        "%(number)s). They are read once more, and nothing was removed in this run."
    )


class ListingDisagrees(Anomaly):
    template = gettext_noop(
        "The server lists %(listed)s and counts %(counted)s messages in %(mailbox)s. So no "
        "message is taken to be gone, and nothing was removed in this run."
    )


class UidlChanged(Anomaly):
    """POP3: the same bytes under another unique-id than before (RFC 1939 section 7)."""

    template = gettext_noop(
        "The server gives messages other names (UIDL) than before (so many: %(number)s). Their "
        "bytes are known, so they are not archived twice; nothing was removed in this run."
    )


class UidlMissing(Anomaly):
    """POP3: neither a unique-id nor headers, so nothing tells messages apart but their bytes."""

    template = gettext_noop(
        "The server gives neither names (UIDL) nor headers of messages (so many: %(number)s). They "
        "are read again in each run and known by their bytes, and nothing was removed in this run."
    )
