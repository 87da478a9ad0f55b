"""What becomes of mail on its server after a fetch."""

from __future__ import annotations

from .base import MailArchiveError, gettext_noop
from .sources import SourceError


class ChangeRefused(SourceError):
    """The server answered in full that it does not change something; its mailboxes can be read."""

    template = gettext_noop(
        "%(host)s does not let %(mailbox)s be changed as the account says. What is archived stays "
        "there; it is tried again at the next fetch."
    )


class MailboxReadOnly(ChangeRefused):
    template = gettext_noop(
        "%(mailbox)s on %(host)s can be read only, so archived mail stays there as it is. Have its "
        "owner grant more rights, or choose “leave untouched” in the account."
    )


class NoUidPlus(ChangeRefused):
    """Without UIDPLUS (RFC 4315) only all mail marked as deleted can go, whoever marked it."""

    template = gettext_noop(
        "%(host)s cannot delete single messages (it lacks UIDPLUS), so archived mail stays there. "
        "Choose another action in the account."
    )


class NoMove(ChangeRefused):
    template = gettext_noop(
        "%(host)s cannot move single messages (it lacks MOVE and UIDPLUS), so archived mail stays "
        "where it is. Choose another action in the account."
    )


class CopyNotConfirmed(ChangeRefused):
    """COPY without a COPYUID for exactly these messages (RFC 4315 section 3)."""

    template = gettext_noop(
        "%(host)s did not confirm that this message was copied to %(mailbox)s, so it stays where "
        "it is. There may be a copy there."
    )


class CopyNotRemoved(ChangeRefused):
    """Copied for want of MOVE, and then EXPUNGE was refused."""

    template = gettext_noop(
        "%(host)s has copied this message to %(mailbox)s and does not let it be removed from where "
        "it was, so it is in both. It is left alone."
    )


class NoMoreCopies(ChangeRefused):
    """Each fetch would make more of them."""

    template = gettext_noop(
        "%(host)s has copied messages to %(mailbox)s and did not confirm the copies, or did not "
        "let the messages be removed from where they were. So nothing more is moved there. To try "
        "again, choose “leave untouched” in the account, save it, and choose to move once more."
    )


class MailboxNotCreated(ChangeRefused):
    template = gettext_noop(
        "There is no mailbox %(mailbox)s on %(host)s, and it cannot be made there. Make it, or "
        "choose another one in the account."
    )


class DatabaseNotDurable(MailArchiveError):
    """It may lose what it has confirmed, so nothing that rests on it may be removed elsewhere."""

    template = gettext_noop(
        "Nothing is moved or deleted on mail servers, because this site's database may lose in a "
        "power cut what it has confirmed. Ask the site owner to set %(setting)s."
    )


class ServerDeletionForbidden(MailArchiveError):
    template = gettext_noop(
        "The owners of this site allow no mail to be deleted on servers, so archived mail stays "
        "there. Choose another action in the account."
    )


class NotWithPop3(MailArchiveError):
    template = gettext_noop(
        "POP3 knows neither mailboxes nor mail that was read, so archived mail stays as it is. "
        "Choose IMAP, or another action in the account."
    )


class MoveTargetArchived(MailArchiveError):
    template = gettext_noop(
        "%(mailbox)s is one of the mailboxes that are archived, so nothing is moved there. Choose "
        "another one in the account."
    )


class GmailKeepsMail(MailArchiveError):
    template = gettext_noop(
        "%(host)s is a server of Gmail, where deleting or moving a message only takes it out of "
        "its mailbox: it stays in “All Mail”. To have it go, choose to move it to the mailbox for "
        "trash."
    )


class RemovalNotProven(MailArchiveError):
    """What the server has under a message's UID is not what was archived from there."""

    template = gettext_noop(
        "The server holds other bytes for this message than were archived from it. So it was left "
        "there, and nothing more was removed in that run. What was archived is kept."
    )


class MessagesLeft(MailArchiveError):
    """What no later fetch removes; params: `number`."""

    template = gettext_noop(
        "Archived messages stay on the server although they are to be removed (so many: "
        "%(number)s): they are not proven to be the same here and there, or the server said that "
        "it removed them and did not. The ledger says why of each. To try again, choose “leave "
        "untouched” in the account, save it, and choose once more."
    )
