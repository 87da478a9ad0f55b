"""`SavedSearch`: a search that a reader keeps; nobody else sees it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

MOST = 100  # of one reader


class SavedSearch(models.Model):
    """A search by name.

    Attributes:
        folder: where it looks; null for every folder that its owner may read.
        query: as typed.
        by_relevance: how its hits are ordered; by date otherwise.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("owner"),
    )
    folder = models.ForeignKey(
        "EmailFolderPage",
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        verbose_name=_("email folder"),
    )
    name = models.CharField(_("name"), max_length=100)
    query = models.CharField(_("search"), max_length=500)
    by_relevance = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("saved search")
        verbose_name_plural = _("saved searches")
        default_permissions = ()
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name
