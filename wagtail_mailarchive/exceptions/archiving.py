"""What goes wrong with runs, folders and what readers ask for."""

from __future__ import annotations

from .base import MailArchiveError, gettext_noop


class StorageError(MailArchiveError):
    """Originals cannot be written to, or read from, their store."""

    template = gettext_noop(
        "The store of originals (%(store)s) failed. Nothing was archived meanwhile; "
        "see that it is reachable and has room."
    )


class OriginalDamaged(StorageError):
    template = gettext_noop(
        "The stored original %(sha256)s is not what was archived. "
        "Restore it from a backup and verify again."
    )


class FolderFull(MailArchiveError):
    template = gettext_noop(
        "The folder %(folder)s holds as many messages as one page can have below it. "
        "Connect the account to a new folder."
    )


class LeaseLost(MailArchiveError):
    """Another worker holds the account now; this one must stop without writing."""

    template = gettext_noop("Another worker has taken over %(account)s. It goes on there.")


class StaysForItsSize(MailArchiveError):
    template = gettext_noop(
        "It has %(megabytes)s MB, and the account takes messages up to %(limit)s MB."
    )


class ArchivedAlready(MailArchiveError):
    template = gettext_noop("It is archived already.")


class ArchivedLongEnough(MailArchiveError):
    template = gettext_noop(
        "It is archived already, and the time that the account waits (%(days)s days) has passed."
    )


class LeftByLimit(MailArchiveError):
    template = gettext_noop("It comes later, because one fetch takes at most %(limit)s messages.")


class AccountBusy(MailArchiveError):
    """Somebody works on the account, so what is compared would change meanwhile."""

    template = gettext_noop(
        "Mail of %(account)s is being fetched at the moment. Try again when that is done."
    )


class AccountHeld(MailArchiveError):
    """Too many logins were rejected, or somebody has to sign in again."""

    template = gettext_noop(
        "Mail of %(account)s is not fetched, because its login was rejected. "
        "Enter the password again, or sign in again, in the form of the mail account."
    )


class TooManyTrials(MailArchiveError):
    """Tests are limited, so that nobody searches networks or guesses passwords with them."""

    template = gettext_noop(
        "Connections were tested too often in the last minutes. Wait a few minutes and try again."
    )


class TrialLost(MailArchiveError):
    """The worker ended in the middle, or the queue lost the task."""

    template = gettext_noop("This did not come to an end. Start it again.")


class UnexpectedTrialError(MailArchiveError):
    """What no class here foresaw; the log has the traceback."""

    template = gettext_noop(
        "This stopped for a reason we did not foresee. The log of the worker says more."
    )


class UnexpectedFetchError(MailArchiveError):
    """What no class above foresaw; the log has the traceback."""

    template = gettext_noop(
        "Fetching %(account)s stopped for a reason we did not foresee. "
        "The log of the worker says more; it is tried again at the next fetch."
    )


class MessageIsReadOnly(MailArchiveError):
    """Code tried to change what was archived."""

    template = gettext_noop("Archived mail cannot be changed.")


class ThreadsApart(MailArchiveError):
    template = gettext_noop("Only two different threads of the same folder can be merged.")


class NothingToSplit(MailArchiveError):
    template = gettext_noop(
        "This thread holds nothing but the message and its answers already, so there is nothing "
        "to split."
    )


class SearchUnavailable(MailArchiveError):
    """What readers are told, whatever the reason; those below are for the worker's page and log."""

    template = gettext_noop(
        "Searching does not work at the moment. Try again in a few minutes; "
        "all mail can be read meanwhile."
    )


class SearchClusterAway(SearchUnavailable):
    template = gettext_noop(
        "The search cluster “%(backend)s” does not answer as it should. It is asked again in a "
        "minute; what it has to be told is kept until then."
    )


class SearchRefused(SearchUnavailable):
    template = gettext_noop(
        "The search cluster “%(backend)s” refuses what it is asked (status %(status)s). Check "
        "what this site may do there, and its version."
    )


class SearchIndexMissing(SearchUnavailable):
    template = gettext_noop(
        "The search cluster “%(backend)s” has no index of the mail any more. "
        "Make it anew: manage.py mailarchive_index --restart."
    )


class SearchNotConfigured(SearchUnavailable):
    template = gettext_noop(
        "“%(backend)s” is no Elasticsearch or OpenSearch backend of this site that can be used. "
        "manage.py check says why."
    )
