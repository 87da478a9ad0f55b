"""`FormerThread`: where the address of a thread leads that went into another one."""

from __future__ import annotations

from django.db import models


class FormerThread(models.Model):
    """The key of a thread that is no more, and one of its messages.

    The message leads to where its thread is now, whatever is merged, split or undone later. A row
    may be there for a thread that still is, and then means nothing.

    Attributes:
        id: the key that the thread had; keys are not given twice.
    """

    id = models.BigIntegerField(primary_key=True)
    message = models.ForeignKey("EmailMessagePage", on_delete=models.CASCADE, related_name="+")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.pk)
