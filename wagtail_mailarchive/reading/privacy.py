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

from ..models import EmailMessagePage
from ..models.privacy import may_see


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
    return may_see(message, user, passed)
