"""`EmailFolderPage`: one archive, shown as a page; its children are messages."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction
from django.forms import CheckboxSelectMultiple, Media
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from modelcluster.fields import ParentalManyToManyField
from wagtail.admin.panels import FieldPanel, HelpPanel, MultiFieldPanel
from wagtail.models import BaseViewRestriction, Page, PageViewRestriction, get_page_models

from ..conf import archive_settings
from .comment import Commenters, Moderation
from .permissions import FolderPermissionTester, groups_reading_in_admin
from .routing import RoutedPage, RoutesMessages
from .site_settings import effective_settings, is_on

WHO_CAN_READ = {
    "editors": _(
        "Only administrators and the groups that can edit or publish here will be able to read "
        "this folder. Once it is saved you can choose others under Privacy."
    ),
    "login": _(
        "Everyone who is signed in will be able to read this folder. "
        "Once it is saved you can change that under Privacy."
    ),
    "groups": _(
        "Nobody but administrators will be able to read this folder "
        "until you choose groups under Privacy, once it is saved."
    ),
    "public": _(
        "Everybody will be able to read this folder, signed in or not. "
        "Once it is saved you can change that under Privacy."
    ),
}
# NEW_FOLDER_PRIVACY -> the restriction that Wagtail keeps.
_RESTRICTIONS = {
    "editors": BaseViewRestriction.GROUPS,
    "groups": BaseViewRestriction.GROUPS,
    "login": BaseViewRestriction.LOGIN,
    "public": BaseViewRestriction.NONE,
}


class WhoCanReadPanel(HelpPanel):
    """Tells, while a folder is being created, who will read it before any mail is in it."""

    class BoundPanel(HelpPanel.BoundPanel):
        media = Media(css={"all": ["wagtail_mailarchive/admin.css"]})

        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.content = WHO_CAN_READ[effective_settings().NEW_FOLDER_PRIVACY]

        def is_shown(self) -> bool:
            return self.instance.pk is None


class EmailFolderPage(RoutedPage, RoutesMessages, Page):
    """A folder of archived mail under a workspace."""

    urlconf = "wagtail_mailarchive.reading.folder_urls"
    collaboration_urlconf = "wagtail_mailarchive.collaboration.folder_urls"
    subpage_types = ["wagtail_mailarchive.EmailMessagePage"]
    preview_modes: list[Any] = []

    description = models.TextField(
        _("description"), blank=True, help_text=_("Shown to readers above the messages.")
    )
    comment_moderation = models.CharField(
        _("Comments that wait for a moderator"),
        max_length=6,
        choices=[("", _("As the site’s settings say")), *Moderation.choices],
        blank=True,
    )
    commenters = models.CharField(
        _("Who can comment"),
        max_length=6,
        choices=[("", _("As the site’s settings say")), *Commenters.choices],
        blank=True,
        help_text=_("Only those who can read a message can comment on it."),
    )
    commenter_groups = ParentalManyToManyField(
        "auth.Group", blank=True, related_name="+", verbose_name=_("Groups that can comment")
    )

    content_panels = [
        *Page.content_panels,
        FieldPanel("description"),
        MultiFieldPanel(
            [
                FieldPanel("comment_moderation"),
                FieldPanel("commenters"),
                FieldPanel("commenter_groups", widget=CheckboxSelectMultiple),
            ],
            heading=_("Comments by readers"),
        ),
        WhoCanReadPanel(heading=_("Who can read it")),
    ]

    class Meta:
        verbose_name = _("email folder")
        verbose_name_plural = _("email folders")

    @classmethod
    def clean_parent_page_models(cls) -> list[type[Page]]:
        """Return the workspace page types; creating and moving both ask for them."""
        names = archive_settings().WORKSPACE_PAGE_TYPES
        if names is None:
            return list(get_page_models())
        # A system check tells of names that mean no page type; here they allow nothing.
        by_name = {model._meta.label_lower: model for model in get_page_models()}
        return [by_name[name.lower()] for name in names if name.lower() in by_name]

    @classmethod
    def can_create_at(cls, parent: Page) -> bool:
        return bool(super().can_create_at(parent)) and is_on()

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> Any:
        is_new = self._state.adding
        if not is_new:
            self._take_place_from_database()
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
        return {"type": _RESTRICTIONS[effective_settings().NEW_FOLDER_PRIVACY], "groups": []}

    def _take_place_from_database(self) -> None:
        """Saving an editor's copy must not undo what a fetch did to the tree meanwhile."""
        place = Page.objects.select_for_update().filter(pk=self.pk)
        for each in place.values("path", "depth", "numchild", "url_path"):
            for name, value in each.items():
                setattr(self, name, value)

    def _apply_default_privacy(self) -> None:
        privacy = effective_settings().NEW_FOLDER_PRIVACY
        kind = _RESTRICTIONS[privacy]
        if kind == BaseViewRestriction.NONE:
            return
        made = PageViewRestriction.objects.create(page=self.page_ptr, restriction_type=kind)
        if privacy == "editors":
            made.groups.set(groups_reading_in_admin(self))

    def permissions_for_user(self, user: Any) -> FolderPermissionTester:
        return FolderPermissionTester(user, self)

    def get_route_paths(self) -> list[str]:
        # A move above would otherwise write redirects for each page below.
        return ["/"]

    @property
    def effective_moderation(self) -> str:
        """Which comments wait: the `Moderation` of this folder, or else of the site."""
        return str(self.comment_moderation or archive_settings().COMMENT_MODERATION)

    @property
    def effective_commenters(self) -> str:
        """Who may comment: the `Commenters` of this folder, or else of the site."""
        return str(self.commenters or archive_settings().COMMENTERS)

    def holds_mail(self) -> bool:
        """Whether deleting this folder would take mail, or what is known of mail, with it."""
        # The tree's own count answers for nearly every folder without a query.
        return self.numchild > 0 or folders_with_mail(self).filter(pk=self.pk).exists()


def folders_with_mail(page: Page) -> models.QuerySet[EmailFolderPage]:
    """Return the folders at or below `page` that keep it from being deleted."""
    from .account import MailAccount
    from .ledger import LedgerEntry

    this = models.OuterRef("pk")
    protecting = (
        models.Q(numchild__gt=0)
        | models.Q(models.Exists(MailAccount.objects.filter(folder=this)))
        | models.Q(models.Exists(LedgerEntry.objects.filter(mailbox__folder=this)))
    )
    folders: models.QuerySet[EmailFolderPage] = EmailFolderPage.objects.all()
    return folders.filter(protecting, path__startswith=page.path)
