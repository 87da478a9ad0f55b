"""The app."""

from typing import Any

from django.apps import AppConfig
from django.db import connection
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class MailArchiveConfig(AppConfig):
    name = "wagtail_mailarchive"
    verbose_name = _("Mail archive")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from wagtail.models import ReferenceIndex

        from . import checks  # noqa: F401  (registers them)
        from .admin import page_actions
        from .admin.access_panel import AccessPanel
        from .admin.account_panel import MailAccountsPanel
        from .archive import descendants, folder_trash, partial_indexes, thread_summaries, tree
        from .collaboration import following
        from .fetching import moving
        from .models import EmailFolderPage, Relation, keeping

        keeping.connect()
        page_actions.connect()
        tree.connect()
        descendants.connect()
        moving.connect()
        folder_trash.connect()
        thread_summaries.connect()
        partial_indexes.connect(self)
        following.connect()
        # Added here, because these panels come from a room above the models.
        EmailFolderPage.content_panels = [
            *EmailFolderPage.content_panels,
            MailAccountsPanel(heading=_("Mail accounts"), icon="mail"),
            AccessPanel(heading=_("Access"), icon="lock"),
        ]
        # So that Wagtail's usage views know what mail is related to.
        ReferenceIndex.register_model(Relation)
        post_migrate.connect(make_schedule, sender=self)


def make_schedule(**kwargs: Any) -> None:
    """Make the schedule that fetches due accounts, once both apps have their tables."""
    from .fetching.schedule import ensure_schedule

    tables = set(connection.introspection.table_names())
    if {"wagtail_mailarchive_fetchrun", "django_q_schedule"} <= tables:
        ensure_schedule()
