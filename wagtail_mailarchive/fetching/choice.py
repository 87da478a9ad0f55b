"""Which mailboxes of an account are archived.

Either those that were named, or all that the server lists but Junk, Trash and Drafts, and but the
one that archived mail is moved to. Which these are the server says (RFC 6154); of a kind that it
does not mark, the usual names in a few languages count, at the top or directly below INBOX. What
lies below such a mailbox goes with it. docs/reference/fetching.md lists the names.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Callable, Collection, Sequence, Set
from itertools import accumulate

from django.db.models import Q

from ..models import MailAccount, Mailbox
from ..models.account import POP3_MAILBOX, AfterFetch, MailboxChoice, Protocol
from ..sources.base import RemoteMailbox, SpecialUse

_log = logging.getLogger("wagtail_mailarchive.fetching")

_INBOX = "INBOX"
_LONGEST = 500

# What Gmail's own mailboxes lie below; the second where its trademark was not its own once.
_GMAIL = ("[Gmail]/", "[Google Mail]/")

_UNWANTED = {
    SpecialUse.JUNK,
    SpecialUse.TRASH,
    SpecialUse.DRAFTS,
    SpecialUse.FLAGGED,
    SpecialUse.ALL,
}
_USUAL_NAMES = {
    SpecialUse.JUNK: (
        *("junk", "junk mail", "junk e-mail", "junk email", "junk-e-mail", "spam", "bulk"),
        *("bulk mail", "spamverdacht", "unerwünscht", "courrier indésirable", "indésirables"),
        *("correo no deseado", "posta indesiderata", "lixo eletrônico", "lixo eletrónico"),
        *("ongewenste e-mail", "wiadomości-śmieci", "спам", "нежелательная почта"),
    ),
    SpecialUse.TRASH: (
        *("trash", "bin", "deleted", "deleted items", "deleted messages", "papierkorb"),
        *("gelöscht", "gelöschte elemente", "gelöschte objekte", "corbeille"),
        *("éléments supprimés", "papelera", "elementos eliminados", "cestino", "posta eliminata"),
        *("lixeira", "lixo", "itens excluídos", "itens eliminados", "prullenbak"),
        *("verwijderde items", "kosz", "elementy usunięte", "корзина", "удаленные", "удалённые"),
    ),
    SpecialUse.DRAFTS: (
        *("drafts", "draft", "entwürfe", "entwurf", "brouillons", "borradores", "bozze"),
        *("rascunhos", "concepten", "wersje robocze", "kopie robocze", "черновики"),
    ),
}


def mailboxes_to_archive(
    account: MailAccount, ask: Callable[[], Sequence[RemoteMailbox]]
) -> list[str]:
    """Return the names of the mailboxes to archive, in the order to work on them.

    Args:
        ask: lists what the server has; called only where that matters.
    """
    if account.protocol == Protocol.POP3:
        return [POP3_MAILBOX]
    if account.mailbox_choice == MailboxChoice.NAMED:
        return _each_once(account.mailboxes)
    # What is moved must not come back as new mail of another mailbox.
    target = account.move_to if account.after_fetch == AfterFetch.MOVE else ""
    return [name for name in all_but_unwanted(ask()) if name != target]


def all_but_unwanted(listed: Sequence[RemoteMailbox]) -> list[str]:
    """Return the names of all of `listed` but Junk, Trash, Drafts and what shows mail twice.

    A mailbox marked \\Flagged or \\All shows mail that lies in another one as well. Gmail is the
    exception: there mailboxes are labels, and mail without one is in "All Mail" only, which holds
    neither Spam nor Trash; so it is the only one taken.
    """
    everything = [
        each for each in listed if each.special_use is SpecialUse.ALL and is_gmails(each.name)
    ]
    if everything:
        return [everything[0].name]
    marked = {each.special_use for each in listed}
    fitting = [each for each in listed if len(each.name) <= _LONGEST]
    if len(fitting) < len(listed):
        _log.warning(
            "Mailboxes left out, because their names are too long: %s", len(listed) - len(fitting)
        )
    unwanted = {each.name for each in fitting if _is_unwanted(each, marked)}
    taken = [each.name for each in fitting if not _is_in(each, unwanted)]
    if not any(name.upper() == _INBOX for name in taken):
        # It is always there (RFC 3501 section 5.1), even where it is not listed.
        taken.insert(0, _INBOX)
    return _each_once(taken)


def _each_once(names: Sequence[str]) -> list[str]:
    """Return `names` without repetition; INBOX is one, however it is written (RFC 3501, 5.1)."""
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(_INBOX if name.upper() == _INBOX else name, name)
    return list(found.values())


def is_alike(name: str, other: str) -> bool:
    """Whether two names differ at most in how the same letters are written."""
    return _folded(name) == _folded(other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def is_gmails(name: str) -> bool:
    """Whether `name` is one of the mailboxes that Gmail makes itself."""
    return name.startswith(_GMAIL)


def note_choice(account: MailAccount, names: Sequence[str]) -> None:
    """Have the ledger count the mailboxes `names` only; others keep their rows.

    Those of another server, or of another user there, are left behind: their UIDs mean nothing
    here, and mail that has the same ones must not be taken for theirs.
    """
    known = Mailbox.objects.filter(account=account)
    known.exclude(server__in=["", account.server]).update(account=None)
    noted = known.filter(Q(is_archived=True) | Q(problem_code__gt=""))
    noted.exclude(name__in=names).update(is_archived=False, problem_code="", problem_params={})


def _is_unwanted(mailbox: RemoteMailbox, marked: Collection[str]) -> bool:
    if mailbox.special_use:
        return mailbox.special_use in _UNWANTED
    return any(
        _plain(mailbox) in names for kind, names in _USUAL_NAMES.items() if kind not in marked
    )


def _plain(mailbox: RemoteMailbox) -> str:
    """Return a name to compare: as one writes it in lower case, and without INBOX before it."""
    name = _folded(mailbox.name)
    return (
        name.removeprefix(f"{_INBOX.casefold()}{mailbox.delimiter}") if mailbox.delimiter else name
    )


def _is_in(mailbox: RemoteMailbox, unwanted: Set[str]) -> bool:
    """Whether `mailbox` is one of these or lies below one.

    Each level of its name is looked up, because a server may list a hundred thousand of either.
    """
    if not mailbox.delimiter:
        return mailbox.name in unwanted
    levels = mailbox.name.split(mailbox.delimiter)
    above = accumulate(levels, lambda upper, level: upper + mailbox.delimiter + level)
    return any(name in unwanted for name in above)
