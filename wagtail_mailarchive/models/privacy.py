"""Who may read which folder and message as a page: Wagtail's privacy, asked of the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from wagtail.models import Page, PageViewRestriction

if TYPE_CHECKING:
    from .message import EmailMessagePage

SESSION_KEY = PageViewRestriction.passed_view_restrictions_session_key
_KNOWN = "_mailarchive_refused"


def passed_passwords(request: HttpRequest) -> list[int]:
    """Return ids of the password restrictions that this session has passed."""
    return list(request.session.get(SESSION_KEY, []))


def refused_restrictions(request: HttpRequest) -> QuerySet[PageViewRestriction]:
    """Return the site's restrictions that `request` does not pass.

    This is `accept_request` as one question to the database, so that a list asks once and not
    once per restriction; a test holds both to the same answers.
    """
    kinds = PageViewRestriction
    refused = Q(restriction_type=kinds.PASSWORD)
    if passed_before := passed_passwords(request):
        refused &= ~Q(pk__in=passed_before)
    if not request.user.is_authenticated:
        refused |= Q(restriction_type__in=(kinds.LOGIN, kinds.GROUPS))
    elif not request.user.is_superuser:
        passed = kinds.objects.filter(
            restriction_type=kinds.GROUPS, groups__in=request.user.groups.values("pk")
        )
        refused |= Q(restriction_type=kinds.GROUPS) & ~Q(pk__in=passed.values("pk"))
    restrictions: QuerySet[PageViewRestriction] = kinds.objects.filter(refused)
    return restrictions


def refused_pages(request: HttpRequest) -> RawSQL:
    """Return the keys of the pages that are restricted so, to stand behind `__in`."""
    return RawSQL(*refused_sql(request))  # noqa: S611 (Django wrote it)


def refused_sql(request: HttpRequest) -> tuple[str, tuple[Any, ...]]:
    """Return the same as the SQL of a subquery and its parameters.

    Pages ask for them in many questions; Django makes SQL of this part once for each request.
    """
    who = (request.user.pk, tuple(passed_passwords(request)))
    known: dict[Any, tuple[str, tuple[Any, ...]]] = request.__dict__.setdefault(_KNOWN, {})
    if who not in known:
        query = refused_restrictions(request).order_by().values("page_id").query
        known[who] = query.sql_with_params()
    return known[who]


def readable(
    messages: QuerySet[EmailMessagePage], request: HttpRequest
) -> QuerySet[EmailMessagePage]:
    """Return those of readable folders' `messages` that `request` may read, too."""
    return messages.filter(live=True, trashed=False).exclude(pk__in=refused_pages(request))


def may_see(message: EmailMessagePage, user: Any, passed: Sequence[int] = ()) -> bool:
    """Whether `user` may read `message` now, asked without a session.

    Args:
        passed: ids of password restrictions that the reader's session had passed.
    """
    # Wagtail's own rule decides, over what it looks at in a request.
    request: Any = HttpRequest()
    request.user = user
    request.session = {SESSION_KEY: list(passed)}
    if not message.is_reachable():
        return False
    return all(each.accept_request(request) for each in message.get_view_restrictions())


def readable_folders(request: HttpRequest) -> set[int]:
    """Return the keys of the folders that `request` may read as pages (three queries).

    Published with all pages above, and behind no restriction that `request` does not pass.
    """
    from .folder import EmailFolderPage

    folders = dict(EmailFolderPage.objects.filter(live=True).values_list("pk", "path"))
    above = {key: _with_ancestors(path) for key, path in folders.items()}
    every = {path for paths in above.values() for path in paths}
    closed = set(refused_restrictions(request).values_list("page__path", flat=True))
    closed |= set(Page.objects.filter(live=False, path__in=every).values_list("path", flat=True))
    return {key for key, paths in above.items() if not paths & closed}


def _with_ancestors(path: str) -> set[str]:
    return {path[:end] for end in range(Page.steplen, len(path) + 1, Page.steplen)}
