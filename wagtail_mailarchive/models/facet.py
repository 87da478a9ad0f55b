"""By what a folder's messages can be narrowed down, and how many there are of each.

Kept up while archiving by `archive.facets`. Like `MonthCount`, these count every message of the
folder; who shows them to readers takes off what they may not see.
"""

from __future__ import annotations

from django.db import models


class FacetKind(models.TextChoices):
    SENDER = "sender"
    LIST = "list"
    ATTACHMENT = "attachment"
    ACCOUNT = "account"
    TAG = "tag"


class FacetCount(models.Model):
    """How many messages of a folder have something in common.

    Attributes:
        value: the sender's address in lower case, the List-Id, the account's key, the tag's mark
            in the search index, or "" for what has an attachment.
        newest: `MessageText.id` of the newest one, which sorts by date; 0 for accounts and tags.
    """

    folder = models.ForeignKey(
        "EmailFolderPage", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=10, choices=FacetKind.choices)
    value = models.CharField(max_length=320, blank=True)
    messages = models.BigIntegerField(default=0)
    newest = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["folder", "kind", "value"], name="mailarchive_facet")
        ]
        indexes = [
            models.Index(fields=["folder", "kind", "-newest"], name="mailarchive_facet_newest"),
            models.Index(fields=["folder", "kind", "-messages"], name="mailarchive_facet_most"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}: {self.messages}"


class AccountMessage(models.Model):
    """A message that came by an account; one that came by several has a row for each.

    Attributes:
        folder: into which it came; an account may be given another one later.
        text: its `MessageText`, whose key sorts by date.
    """

    # Neither is looked up while archiving: the message's own rows guard both.
    folder = models.ForeignKey(
        "EmailFolderPage",
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    text = models.ForeignKey(
        "MessageText",
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    account = models.ForeignKey("MailAccount", on_delete=models.CASCADE, related_name="+")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["folder", "account", "text"], name="mailarchive_by_account"
            )
        ]

    def __str__(self) -> str:
        return f"account {self.account_id}: {self.text_id}"
