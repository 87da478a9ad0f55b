"""What a check of the archive finds."""

from __future__ import annotations

from .base import MailArchiveError, gettext_noop


class OriginalMissing(MailArchiveError):
    template = gettext_noop(
        "The original %(sha256)s is not in its store any more. "
        "Restore it from a backup and verify again."
    )


class OriginalUnreadable(MailArchiveError):
    """There, in a store that gives others."""

    template = gettext_noop(
        "The original %(sha256)s is in its store and cannot be read. See to the file and its disk, "
        "or restore it from a backup, and verify again."
    )


class ChainBroken(MailArchiveError):
    template = gettext_noop(
        "Entry %(number)s of the chain of folder %(folder)s does not follow from the one before: "
        "one was changed, taken out or put in. Compare the database with a backup, and the chain "
        "with a head that you exported."
    )


class NotInChain(MailArchiveError):
    template = gettext_noop(
        "The folder %(folder)s holds the original %(sha256)s, and its chain does not say that it "
        "ever came in. Compare the database with a backup."
    )


class NotHeld(MailArchiveError):
    template = gettext_noop(
        "The chain of the folder %(folder)s says that the original %(sha256)s came in, and no "
        "folder holds it any more. Compare the database with a backup."
    )


class MessageWithoutOriginal(MailArchiveError):
    template = gettext_noop(
        "The message %(page)s has no original in the database any more. "
        "Compare the database with a backup."
    )


class PartsOutsideOriginal(MailArchiveError):
    template = gettext_noop(
        "What is stored about message %(page)s does not fit its original. "
        "Read all of its folder again; the original is untouched by that."
    )


class TooManyProblems(MailArchiveError):
    template = gettext_noop(
        "The check ended at %(number)s problems. See first whether the database and the store of "
        "originals are complete, and check again."
    )


class UnexpectedUpkeepError(MailArchiveError):
    """What no class here foresaw; the log has the traceback."""

    template = gettext_noop(
        "This stopped for a reason we did not foresee. The log of the worker says more; "
        "what was done before is kept."
    )


class ErasingUnderWay(MailArchiveError):
    template = gettext_noop(
        "Mail of “%(folder)s” is being erased already. Wait until that is done, and ask again."
    )
