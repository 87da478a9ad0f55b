"""Moving pages that hold much mail, by a worker."""

from __future__ import annotations

from .base import MailArchiveError, gettext_noop


class MoveUnderWay(MailArchiveError):
    template = gettext_noop(
        "A worker is moving “%(page)s” with its mail. Wait until that is done, and ask again."
    )


class PageToMoveGone(MailArchiveError):
    template = gettext_noop(
        "“%(page)s” was not moved into “%(into)s”: one of them is not there any more."
    )


class SlugTakenThere(MailArchiveError):
    template = gettext_noop(
        "“%(page)s” was not moved: “%(into)s” has a page with the same slug by now. Change one of "
        "the two slugs, and move it again."
    )


class MoveForbidden(MailArchiveError):
    template = gettext_noop(
        "“%(page)s” was not moved: who asked for it may not move it into “%(into)s” any more."
    )
