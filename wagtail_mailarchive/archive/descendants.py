"""Walking the pages below a page without its mail.

Wagtail loads each live page below one that it renames, moves or unpublishes with all below it: a
minute and more for a folder of 100,000 messages, only to find that each writes no redirect and is
not unpublished on its own. Mail follows the folder that it is in, so it is passed by.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from functools import partial
from typing import Any

from django.apps import apps
from wagtail.models import Page
from wagtail.query import PageQuerySet

from ..models import EmailMessagePage


def pass_mail_by(page: Page) -> None:
    """Let `page`, this instance of it, say that no mail is below it."""
    page.__dict__["get_descendants"] = partial(_without_mail, type(page).get_descendants, page)


def connect() -> None:
    """Let Wagtail's redirects pass mail by.

    They have no hook for it. Their receivers look this function up when they are called, so it
    does not matter which of the two apps comes first.
    """
    if not apps.is_installed("wagtail.contrib.redirects"):
        return
    from wagtail.contrib.redirects import signal_handlers

    create = signal_handlers.create_redirects

    def create_redirects(page: Page, page_old: Page, sites: Iterable[Any]) -> None:
        # The page itself goes to other receivers as well, who may want to know of mail.
        page = copy.copy(page)
        pass_mail_by(page)
        create(page, page_old, sites)

    signal_handlers.create_redirects = create_redirects


def _without_mail(get_descendants: Any, page: Page, *args: Any, **kwargs: Any) -> PageQuerySet:
    below: PageQuerySet = get_descendants(page, *args, **kwargs).not_exact_type(EmailMessagePage)
    return below
