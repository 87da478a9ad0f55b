"""What the worker does of moving and renaming pages above much mail.

A page moves with all that is below it in one transaction: at no time is a message outside of its
folder. What is interrupted has not happened and is begun again. The messages' URLs follow in
batches.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.db import transaction
from wagtail.actions.move_page import MovePageAction, MovePagePermissionError
from wagtail.models import Page

from ..archive import pages, tree
from ..archive.transactions import commit
from ..exceptions import MoveForbidden, PageToMoveGone, SlugTakenThere
from ..models import EmailMessagePage, UpkeepKind, UpkeepRun
from .held_run import Held

_TOGETHER = 1000


def messages_of(run: UpkeepRun) -> int:
    """Return how many messages are in the run's folder."""
    return int(EmailMessagePage.objects.filter(folder=run.folder_id).count())


def move(held: Held) -> None:
    """Move the pages of the plan, one after the other.

    Raises:
        MoveForbidden, PageToMoveGone, SlugTakenThere: those before it have moved.
    """
    moving = held.run.plan["pages"]
    for number in range(held.run.position, len(moving)):
        commit(partial(_move, held, number))
        held.committed()


def _move(held: Held, number: int) -> None:
    held.renew()
    plan = held.run.plan
    key, title, _path, messages = plan["pages"][number]
    params = {"page": title, "into": plan["into"]}
    page = Page.objects.filter(pk=key).first()
    destination = Page.objects.filter(pk=plan["destination"]).first()
    if page is None or destination is None:
        raise PageToMoveGone(**params)
    if not Page._slug_is_available(page.slug, destination, page=page):
        raise SlugTakenThere(**params)
    # Wagtail asks for permission only where somebody is named.
    if held.run.requested_by is None:
        raise MoveForbidden(**params)
    action = MovePageAction(
        page.specific, destination.specific, pos="last-child", user=held.run.requested_by
    )
    try:
        action.execute()
    except MovePagePermissionError as error:
        raise MoveForbidden(**params) from error
    held.advance(number + 1, done=messages, problems=0)


def readdress(held: Held) -> None:
    """Let the URLs of a folder's messages say where the folder is now."""
    folder_id = held.run.folder_id
    # A run over all folders is none of this kind.
    assert folder_id is not None  # noqa: S101
    messages = EmailMessagePage.objects.filter(folder=folder_id).order_by("original")
    while not _is_done(held, folder_id):
        # The index of (folder, original) serves this order.
        left = messages.filter(original__gt=held.run.position)
        while found := list(left.values_list("original_id", "pk")[:_TOGETHER]):
            with transaction.atomic():
                held.advance(found[-1][0], done=len(found), problems=0)
                tree.readdress(pages.lock_folder(folder_id), [pk for _, pk in found])
            held.committed()
            left = messages.filter(original__gt=held.run.position)
        with transaction.atomic():
            held.advance(0, done=0, problems=0)
        held.committed()


def _is_done(held: Held, folder_id: int) -> bool:
    """End the run if no message is behind its folder.

    Whoever changes the folder's address holds the folder's row until they commit, and asks for a
    run before: so either this sees the new address, or they find this run ended.
    """
    with transaction.atomic():
        held.renew()
        if tree.is_behind(pages.lock_folder(folder_id)):
            return False
        held.finish()
    return True


WORK: dict[UpkeepKind, Callable[[Held], None]] = {
    UpkeepKind.MOVE: move,
    UpkeepKind.READDRESS: readdress,
}
