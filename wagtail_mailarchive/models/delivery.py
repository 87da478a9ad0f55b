"""`Delivery`: one mail to somebody who follows something, from before it is sent until long after.

A row is made in the transaction that moves on how far its reader was told, so what it tells of is
told by no other. Whoever sends it notes first that it is begun, in a transaction of its own: a mail
that may have left is never sent again. A worker that dies between the two leaves a delivery that
is begun and not sent; that mail may be lost, and is never doubled.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Delivery(models.Model):
    """A mail.

    Attributes:
        number: counts the deliveries of one `Follow`.
        arrivals: folder's key (as text) -> [after, until], numbers of its chain's entries.
        comments_after, comments_until: when the comments were shown; both null for none.
        try_at: when it is due; null once it is begun.
        begun_at: from then on it may have left.
        sent_at: the mail server took it.
        messages, comments: how many it told of.
    """

    follow = models.ForeignKey("Follow", on_delete=models.CASCADE, related_name="deliveries")
    number = models.PositiveIntegerField()
    arrivals = models.JSONField(default=dict)
    comments_after = models.DateTimeField(null=True)
    comments_until = models.DateTimeField(null=True)
    made_at = models.DateTimeField(db_index=True)
    try_at = models.DateTimeField(null=True, db_index=True)
    tries = models.PositiveIntegerField(default=0)
    begun_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    messages = models.PositiveIntegerField(default=0)
    comments = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("mail to a follower")
        verbose_name_plural = _("mails to followers")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["follow", "number"], name="mailarchive_delivered_once")
        ]

    def __str__(self) -> str:
        return f"{self.follow_id}/{self.number}"
