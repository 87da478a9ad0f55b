"""`OAuthGrant`: what a provider gave us to enter one account with (RFC 6749)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class OAuthGrant(models.Model):
    """The tokens of one account, sealed like its password.

    Tokens are renewed by whoever has claimed this row (`fetching.tokens`), so that a refresh token
    that the provider replaces at each use is never used twice.

    Attributes:
        provider: its name in OAUTH_PROVIDERS; a grant of another provider than the account's
            counts for nothing.
        sealed_refresh_token: "" where the provider gave none (client credentials).
        access_expires_at: when the access token ends.
        refresh_expires_at: when one has to sign in again; null where nobody says.
        problem_code, problem_params: why it cannot be used any more, an error of `exceptions`.
        claim: grows with each renewal and each sign-in; tokens of an older one are not stored.
        claimed_until: by the database's clock; nobody else renews before.
    """

    account = models.OneToOneField(
        "MailAccount", primary_key=True, on_delete=models.CASCADE, related_name="grant"
    )
    provider = models.CharField(max_length=60)
    sealed_refresh_token = models.TextField(blank=True, editable=False)
    sealed_access_token = models.TextField(blank=True, editable=False)
    access_expires_at = models.DateTimeField(null=True)
    refresh_expires_at = models.DateTimeField(null=True)
    problem_code = models.CharField(max_length=60, blank=True)
    problem_params = models.JSONField(default=dict, blank=True)
    signed_in_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    signed_in_at = models.DateTimeField(null=True)
    claim = models.PositiveBigIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("sign-in at a provider")
        verbose_name_plural = _("sign-ins at providers")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.provider} ({self.account_id})"

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("sealed_refresh_token", None)
        state.pop("sealed_access_token", None)
        return state
