"""`SearchIndex`: the language that the full-text index speaks, and how far building it anew is."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SearchIndex(models.Model):
    """The one row about the index of this database.

    Attributes:
        language: what words are reduced to their stems by; "simple" leaves them as they are.
        building: the language of the index being built; "" while none is.
        position: the `MessageText` up to which it is built, by key; null before the first.
        done, total: messages, for showing progress.
    """

    language = models.CharField(max_length=63, default="simple")
    building = models.CharField(max_length=63, blank=True)
    position = models.BigIntegerField(null=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("search index")
        verbose_name_plural = _("search index")
        default_permissions = ()

    def __str__(self) -> str:
        return self.language
