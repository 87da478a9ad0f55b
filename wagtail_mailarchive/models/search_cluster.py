"""`SearchCluster` and `SearchChange`: what an Elasticsearch or OpenSearch has still to be told.

Triggers note each change of a `MessageText` while there is a cluster, in the transaction that makes
it, so that no writer can forget it and nobody has to reach the cluster to archive mail. They are
made by migration 0002.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SearchCluster(models.Model):
    """The one row about the cluster that is kept up to date; there is none where none is.

    Attributes:
        alias: which one of the site's search backends it is.
        is_ready: its index holds all messages; until then the database is searched.
        building: the name of the index being built; "" while none is.
        position: the `MessageText` up to which that is built, by key; null before the first.
        done, total: messages, for showing progress.
    """

    alias = models.CharField(max_length=100)
    is_ready = models.BooleanField(default=False)
    building = models.CharField(max_length=255, blank=True)
    position = models.BigIntegerField(null=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("search cluster")
        verbose_name_plural = _("search clusters")
        default_permissions = ()

    def __str__(self) -> str:
        return self.alias


class SearchChange(models.Model):
    """A message whose text came, changed or went since the cluster was told of it.

    Attributes:
        id: rises with each change, so that of two that are told the later one counts.
        text_id: the `MessageText`, which may be gone.
    """

    text_id = models.BigIntegerField()

    class Meta:
        verbose_name = _("change for the search cluster")
        verbose_name_plural = _("changes for the search cluster")
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.text_id)
