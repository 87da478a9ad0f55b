"""Moving and renaming pages above mail: little of it at once, much of it by the worker.

Where the addresses below a page change, Wagtail writes them anew in one statement: seconds for
100,000 messages, while somebody waits for an answer. The address of a message is that of its
folder and its slug, so what is kept of it may come later (`EmailMessagePage.get_url_parts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Sum, Value
from django.db.models.functions import Concat, Substr
from wagtail.models import Page

from ..archive import pages, tree
from ..exceptions import MoveUnderWay
from ..models import EmailFolderPage, EmailMessagePage, UpkeepKind, UpkeepRun
from .upkeep_requests import enqueue, open_run, request

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# Messages; their addresses are written in a third of a second.
MOST_AT_ONCE = 5000


def connect() -> None:
    """Let Wagtail leave the addresses of much mail to the worker.

    It has no hook for that; moving a page and changing its slug both call this method.
    """
    Page._update_descendant_url_paths = _readdress_below


def is_for_the_worker(moved: Sequence[Page]) -> bool:
    """Whether more mail is at or below these pages than is moved while somebody waits."""
    return sum(map(_messages_below, moved)) > MOST_AT_ONCE


def request_move(moved: Sequence[Page], destination: Page, *, user: User) -> UpkeepRun:
    """Have the worker move `moved` below `destination`, as its last children.

    Raises:
        MoveUnderWay: the worker is at such a move, or about to.
    """
    plan = {
        "pages": [
            [page.pk, str(page.get_admin_display_title()), page.path, _messages_below(page)]
            for page in moved
        ],
        "destination": destination.pk,
        "into": str(destination.get_admin_display_title()),
    }
    with transaction.atomic():
        run, is_new = open_run(UpkeepKind.MOVE, None, user=user)
        if not is_new:
            raise MoveUnderWay(page=run.plan["pages"][0][1])
        run.plan = plan
        run.total = sum(number for *_, number in plan["pages"])
        run.save(update_fields=["plan", "total"])
        enqueue(run)
    return run


def _messages_below(page: Page) -> int:
    folders = EmailFolderPage.objects.filter(path__startswith=page.path)
    return folders.aggregate(number=Sum("numchild"))["number"] or 0


def _readdress_below(page: Page, old_url_path: str, new_url_path: str) -> None:
    """Write the URLs of all pages below `page`, but for much mail: have that written."""
    below = Page.objects.filter(path__startswith=page.path).exclude(pk=page.pk)
    below.not_exact_type(EmailMessagePage).update(
        url_path=Concat(Value(new_url_path), Substr("url_path", len(old_url_path) + 1))
    )
    folders = EmailFolderPage.objects.filter(path__startswith=page.path, numchild__gt=0)
    at_once = 0
    for folder in folders.order_by("numchild"):
        at_once += folder.numchild
        if at_once <= MOST_AT_ONCE:
            tree.readdress(pages.lock_folder(folder.pk))
        else:
            request(UpkeepKind.READDRESS, folder)
