"""Why a message is left out, or cannot be read."""

from __future__ import annotations

from .base import MailArchiveError, gettext_noop


class NotSelected(MailArchiveError):
    """Not among the mail that the account is to archive; it stays on the server."""

    template = gettext_noop("This message is not among the mail that the account archives.")


class AlreadyRead(NotSelected):
    template = gettext_noop(
        "This message was read before it was fetched, and the account archives unread mail only. "
        "Mark it unread, or have the account archive everything."
    )


class BeforeDate(NotSelected):
    template = gettext_noop(
        "This message arrived before %(date)s, and the account archives mail since then. "
        "Choose an earlier date in the account to have it, too."
    )


class UnsentDraft(NotSelected):
    template = gettext_noop("This message is a draft that nobody has sent yet.")


class ExcludedBySite(NotSelected):
    """Raised by receivers of `signals.before_archiving`; `reason` is shown to managers."""

    template = gettext_noop("A rule of this site keeps this message out: %(reason)s")

    def __init__(self, *, reason: str) -> None:
        # The words are the site's, but they may quote mail: NUL and lone surrogates end here.
        printable = "".join(each if each.isprintable() else " " for each in reason[:500])
        super().__init__(reason=printable)


class ExclusionUndecided(NotSelected):
    """A receiver of `signals.before_archiving` failed; it is asked again."""

    template = gettext_noop(
        "The site's own rule for what is archived failed at this message. It is asked again at "
        "the next fetch; the error is in the site's log."
    )


class MessageError(MailArchiveError):
    """One message could not be read; its original is kept and its neighbours go on."""

    template = gettext_noop("This message could not be read. Its original is kept.")


class ParserTimedOut(MessageError):
    template = gettext_noop(
        "Reading this message took longer than %(seconds)s seconds. Its original is kept."
    )


class ParserCrashed(MessageError):
    """The worker process died of this message, usually at its memory limit."""

    template = gettext_noop("Reading this message needed too much memory. Its original is kept.")


class ParserFailed(MessageError):
    """The parser raised; a defect of ours that did not reach the neighbours."""

    template = gettext_noop("This message could not be read. Its original is kept.")


class DatabaseRefusedMessage(MessageError):
    template = gettext_noop(
        "The database refused this message for something in it. Its original is kept."
    )


class ParserUnavailable(MailArchiveError):
    """No parser process can be started; no message is to blame."""

    template = gettext_noop(
        "The process that reads mail cannot be started (exit status %(status)s). "
        "The log of the worker says more; nothing was lost."
    )
