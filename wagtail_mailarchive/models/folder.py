"""`EmailFolderPage`: one archive, shown as a page; its children are messages."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction
from django.http import Http404, HttpRequest
from django.utils.translation import gettext_lazy as _
from wagtail.admin.panels import FieldPanel
from wagtail.coreutils import resolve_model_string
from wagtail.models import BaseViewRestriction, Page, PageViewRestriction, get_page_models
from wagtail.url_routing import RouteResult

from ..conf import archive_settings
from .permissions import FolderPermissionTester
from .routing import RoutedPage


class EmailFolderPage(RoutedPage, Page):
    """A folder of archived mail under a workspace."""

    urlconf = "wagtail_mailarchive.reading.folder_urls"
    subpage_types = ["wagtail_mailarchive.EmailMessagePage"]
    preview_modes = []

    description = models.TextField(
        _("description"), blank=True, help_text=_("Shown to readers above the messages.")
    )

    content_panels = [*Page.content_panels, FieldPanel("description")]

    class Meta:
        verbose_name = _("email folder")
        verbose_name_plural = _("email folders")

    @classmethod
    def clean_parent_page_models(cls) -> list[type[Page]]:
        """Return the workspace page types; creating and moving both ask for them."""
        names = archive_settings().WORKSPACE_PAGE_TYPES
        if names is None:
            return list(get_page_models())
        return [resolve_model_string(name, cls._meta.app_label) for name in names]

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> Any:
        is_new = self._state.adding
        result = super().save(*args, **kwargs)
        if is_new:
            # Before the first fetch, by whatever route the folder came to be.
            self._apply_default_privacy()
        return result

    def get_default_privacy_setting(self, request: HttpRequest) -> dict[str, Any]:
        """Tell the creation form who will read the folder.

        Once saved the restriction is there, and Wagtail must not add a second one.
        """
        if self.pk:
            return {"type": BaseViewRestriction.NONE}
        return {"type": _restriction_type(), "groups": []}

    def _apply_default_privacy(self) -> None:
        kind = _restriction_type()
        if kind != BaseViewRestriction.NONE:
            PageViewRestriction.objects.create(page=self.page_ptr, restriction_type=kind)

    def route(self, request: HttpRequest, path_components: list[str]) -> RouteResult:
        # Wagtail routes live children of an unpublished parent; a folder hides its mail.
        if not self.live:
            raise Http404
        return super().route(request, path_components)

    def permissions_for_user(self, user: Any) -> FolderPermissionTester:
        return FolderPermissionTester(user, self)

    def get_route_paths(self) -> list[str]:
        # A move above would otherwise write redirects for each page below.
        return ["/"]

    def holds_mail(self) -> bool:
        """Whether deleting this folder would take mail, or what is known of mail, with it."""
        from .mailbox import Mailbox

        return (
            self.messages.exists()
            or self.accounts.exists()
            or Mailbox.objects.filter(folder=self).exists()
        )


def _restriction_type() -> str:
    kind = archive_settings().NEW_FOLDER_PRIVACY
    return BaseViewRestriction.NONE if kind == "public" else kind
