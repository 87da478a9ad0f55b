"""The app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MailArchiveConfig(AppConfig):
    name = "wagtail_mailarchive"
    verbose_name = _("Mail archive")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (registers them)
