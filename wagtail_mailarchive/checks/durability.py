"""Check that a database on whose word mail is removed elsewhere keeps its word."""

from __future__ import annotations

from collections.abc import Sequence

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import OperationalError, ProgrammingError, router

from ..fetching.durability import why_not_durable
from ..models import MailAccount
from ..models.account import AfterFetch

_REMOVALS = (AfterFetch.MOVE, AfterFetch.DELETE)


@register(Tags.database)
def check_durability(
    app_configs: Sequence[AppConfig] | None = None,
    databases: Sequence[str] | None = None,
    **kwargs: object,
) -> list[CheckMessage]:
    """Warn where accounts are to remove mail from servers and nothing will be removed."""
    if router.db_for_write(MailAccount) not in (databases or ()):
        return []
    try:
        if not MailAccount.objects.filter(after_fetch__in=_REMOVALS).exists():
            return []
    except (OperationalError, ProgrammingError):
        # `migrate` asks before it makes the table, and then no account is to remove anything.
        return []
    reason = why_not_durable()
    if reason is None:
        return []
    return [
        Warning(
            f"Mail accounts are to move or delete archived mail on their servers. {reason}",
            hint="Nothing is removed until then, and nothing is lost by it.",
            id="wagtail_mailarchive.W031",
        )
    ]
