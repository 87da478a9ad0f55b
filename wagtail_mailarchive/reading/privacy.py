"""Who may see which message: Wagtail's page privacy, asked where no page is being served.

Pages reached by their address are guarded by Wagtail itself. Lists, counts and search hits name
messages that are not being served, and the images of an HTML body are asked for by a frame that
has no session; both are decided here, by the same rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from wagtail.models import PageViewRestriction

from ..models import EmailMessagePage

_SESSION_KEY = PageViewRestriction.passed_view_restrictions_session_key


def passed_passwords(request: HttpRequest) -> list[int]:
    """Return ids of the password restrictions that this session has passed."""
    return list(request.session.get(_SESSION_KEY, []))


def refused_restrictions(request: HttpRequest) -> QuerySet[PageViewRestriction]:
    """Return the site's restrictions that `request` does not pass.

    This is `accept_request` as one question to the database, so that a list asks once and not
    once per restriction; a test holds both to the same answers.
    """
    kinds = PageViewRestriction
    refused = Q(restriction_type=kinds.PASSWORD) & ~Q(pk__in=passed_passwords(request))
    if not request.user.is_authenticated:
        refused |= Q(restriction_type=kinds.LOGIN)
    if not request.user.is_superuser:
        passed = kinds.objects.filter(
            restriction_type=kinds.GROUPS, groups__in=request.user.groups.values("pk")
        )
        refused |= Q(restriction_type=kinds.GROUPS) & ~Q(pk__in=passed.values("pk"))
    restrictions: QuerySet[PageViewRestriction] = kinds.objects.filter(refused)
    return restrictions


def readable(
    messages: QuerySet[EmailMessagePage], request: HttpRequest
) -> QuerySet[EmailMessagePage]:
    """Return those of a readable folder's `messages` that `request` may read, too."""
    hidden = refused_restrictions(request).values("page_id")
    return messages.filter(live=True).exclude(pk__in=hidden)


def unlisted(folder_id: int, request: HttpRequest) -> list[QuerySet[EmailMessagePage]]:
    """Return the messages of a folder that `readable` leaves out, as two disjoint sets.

    Two, because each has an index to find its few rows; a condition with OR walks the folder.
    """
    in_folder = EmailMessagePage.objects.filter(folder=folder_id)
    hidden = refused_restrictions(request).values("page_id")
    return [in_folder.filter(listed=False), in_folder.filter(listed=True, pk__in=hidden)]


def may_read(message: EmailMessagePage, user_id: str | None, passed: Sequence[int]) -> bool:
    """Whether a user may read `message` now, asked without a session.

    Args:
        user_id: None for someone who is not signed in.
        passed: ids of password restrictions that the reader's session had passed.
    """
    user: Any = AnonymousUser()
    if user_id is not None:
        user = get_user_model()._default_manager.filter(pk=user_id, is_active=True).first()
        if user is None:
            return False
    # Wagtail's own rule decides, over what it looks at in a request.
    request: Any = HttpRequest()
    request.user = user
    request.session = {_SESSION_KEY: list(passed)}
    if not message.is_reachable():
        return False
    return all(each.accept_request(request) for each in message.get_view_restrictions())
