"""`Relation`: what somebody says a message has to do with something else.

One end is always a message; the other is named by its kind and key, as "page:12", so that it may
be deleted, or its app be removed, without taking the relation along.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from wagtail.models import Page

from .message import EmailMessagePage

MOST = 100  # of one message
MAX_NOTE = 500  # characters
MAX_ADDRESS = 2_000


class TargetKind(StrEnum):
    PAGE = "page"
    MESSAGE = "message"
    DOCUMENT = "document"
    IMAGE = "image"
    WEB = "web"


class Target(NamedTuple):
    """What a message is related to; the key is "" for a web address."""

    kind: TargetKind
    key: str = ""

    @classmethod
    def of(cls, instance: models.Model) -> Target | None:
        """Return how `instance` is named; None for what a message cannot be related to."""
        for kind in (TargetKind.MESSAGE, TargetKind.PAGE, TargetKind.DOCUMENT, TargetKind.IMAGE):
            model = model_of(kind)
            if model is not None and isinstance(instance, model):
                # A message that was loaded as a plain page is a message all the same.
                if kind is TargetKind.PAGE and _is_message(instance):
                    kind = TargetKind.MESSAGE
                return cls(kind, str(instance.pk))
        return None

    @classmethod
    def read(cls, text: str) -> Target:
        """Return the target that is stored as `text`."""
        kind, _separator, key = text.partition(":")
        return cls(TargetKind(kind), key)

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"


def model_of(kind: TargetKind) -> type[models.Model] | None:
    """Return the model of `kind`; None for web addresses, and where its app is not installed."""
    found: type[models.Model] | None = None
    match kind:
        case TargetKind.PAGE:
            found = Page
        case TargetKind.MESSAGE:
            found = EmailMessagePage
        case TargetKind.DOCUMENT if apps.is_installed("wagtail.documents"):
            from wagtail.documents import get_document_model

            found = get_document_model()
        case TargetKind.IMAGE if apps.is_installed("wagtail.images"):
            from wagtail.images import get_image_model

            found = get_image_model()
    return found


class TargetField(models.CharField):  # type: ignore[type-arg]
    """Holds a `Target` as text; Wagtail's reference index asks it what it refers to."""

    def extract_references(self, value: str) -> Iterator[tuple[type[models.Model], str, str, str]]:
        target = Target.read(value)
        model = model_of(target.kind)
        if model is not None:
            yield model, target.key, target.kind, target.kind


class Relation(models.Model):
    """What one message has to do with something else.

    Attributes:
        kind: a name out of `kinds`.
        target: see `Target`.
        target_title: what it was called then; shown where it was deleted since. Empty for
            messages, of which nothing may stay.
        address: of a target on the web.
        author_name: as it was when this was written.
    """

    message = models.ForeignKey(
        EmailMessagePage,
        on_delete=models.CASCADE,
        related_name="relations",
        verbose_name=_("message"),
        db_index=False,
    )
    kind = models.CharField(_("kind"), max_length=40)
    target = TargetField(_("related to"), max_length=80)
    target_title = models.CharField(max_length=255, blank=True)
    address = models.CharField(_("web address"), max_length=MAX_ADDRESS, blank=True)
    note = models.CharField(_("note"), max_length=MAX_NOTE, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("author"),
    )
    author_name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("relation of a message")
        verbose_name_plural = _("relations of messages")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["message", "kind", "target"],
                name="mailarchive_relation_once",
                condition=~models.Q(target="web:"),
            )
        ]
        indexes = [
            models.Index(fields=["message", "id"], name="mailarchive_relations"),
            models.Index(fields=["target", "-id"], name="mailarchive_related"),
        ]

    def __str__(self) -> str:
        return str(self.message)


def _ignore_in_reference_index() -> None:
    # That a relation has a message and an author is no use made of them.
    for name in ("message", "author"):
        field: Any = Relation._meta.get_field(name)
        field.wagtail_reference_index_ignore = True


def _is_message(instance: models.Model) -> bool:
    specific = getattr(instance, "cached_content_type", None)
    return specific is not None and issubclass(
        specific.model_class() or models.Model, EmailMessagePage
    )


_ignore_in_reference_index()
