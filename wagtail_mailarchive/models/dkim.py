"""`DkimSignature`: what was found out about one DKIM signature (RFC 6376) of an original."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class DkimVerdict(models.TextChoices):
    """Neutral words: a signature says who answers for a message, not that it is good."""

    PASS = "pass", _("valid")
    PARTIAL = "partial", _("valid for the beginning of the message only")
    FAIL = "fail", _("not valid")
    EXPIRED = "expired", _("had expired")
    NO_KEY = "no_key", _("cannot be checked, because its key is not published")
    UNREADABLE = "unreadable", _("cannot be checked, because it is not written as it should be")
    NO_ANSWER = "no_answer", _("could not be checked, because no name server answered")
    UNCHECKED = "unchecked", _("was not checked, because that would take too much")


class DkimSignature(models.Model):
    """One signature, checked once. Keys are changed and withdrawn; what was found then stays true.

    Attributes:
        position: from 0, in the header's order; the topmost was added last.
        domain, selector: d= and s=, cut; where the key is published.
        key: the TXT record that was found there; "" if none.
        checked_at: when the key was asked for.
    """

    original = models.ForeignKey(
        "Original", on_delete=models.CASCADE, related_name="dkim_signatures", db_index=False
    )
    position = models.PositiveSmallIntegerField()
    domain = models.CharField(max_length=255, blank=True)
    selector = models.CharField(max_length=255, blank=True)
    verdict = models.CharField(max_length=10, choices=DkimVerdict.choices)
    key = models.TextField(blank=True)
    checked_at = models.DateTimeField()

    class Meta:
        verbose_name = _("DKIM signature")
        verbose_name_plural = _("DKIM signatures")
        default_permissions = ()
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["original", "position"], name="mailarchive_dkim")
        ]

    def __str__(self) -> str:
        return f"{self.domain}: {self.verdict}"
