"""Checks of the site around the archive: database, page model, addresses."""

from __future__ import annotations

from collections.abc import Sequence

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from django.urls import get_resolver

from .paste import paste

NAMESPACE = "wagtail_mailarchive"


def _database() -> str:
    """Return the alias of the database that holds the archive."""
    return router.db_for_write(apps.get_model("wagtail_mailarchive", "EmailMessagePage"))


@register()
def check_database_vendor(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """Refuse databases that nothing here was tested on; ask SQLite not to fail at once."""
    alias = _database()
    connection = connections[alias]
    if connection.vendor not in ("sqlite", "postgresql"):
        return [
            Error(
                f"The mail archive runs on SQLite and PostgreSQL, not on {connection.vendor}.",
                hint=paste(
                    "With your own names and password:",
                    f'DATABASES["{alias}"] = {{\n'
                    '    "ENGINE": "django.db.backends.postgresql",\n'
                    '    "NAME": "site",\n'
                    '    "USER": "site",\n'
                    '    "PASSWORD": "",\n'
                    '    "HOST": "localhost",\n'
                    "}",
                ),
                id="wagtail_mailarchive.E030",
            )
        ]
    options = connection.settings_dict.get("OPTIONS", {})
    if connection.vendor == "sqlite" and options.get("transaction_mode") not in (
        "IMMEDIATE",
        "EXCLUSIVE",
    ):
        return [
            Warning(
                "SQLite's transactions do not begin IMMEDIATE, so while mail is being archived "
                'other writes fail with "database is locked" instead of waiting.',
                hint=paste(
                    "At the end of the settings:",
                    f'DATABASES["{alias}"].setdefault("OPTIONS", {{}})'
                    '["transaction_mode"] = "IMMEDIATE"',
                ),
                id="wagtail_mailarchive.W030",
            )
        ]
    return []


@register()
def check_page_model(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """Refuse a base page model of the site's own."""
    model = getattr(settings, "WAGTAIL_PAGE_MODEL", "wagtailcore.Page")
    if model.lower() == "wagtailcore.page":
        return []
    return [
        Error(
            f"The mail archive does not run with a base page model of one's own ({model}).",
            hint=paste("At the end of the settings:", 'WAGTAIL_PAGE_MODEL = "wagtailcore.Page"'),
            id="wagtail_mailarchive.E031",
        )
    ]


@register()
def check_settings_app(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """Ask for Wagtail's app that shows the settings panel."""
    if apps.is_installed("wagtail.contrib.settings"):
        return []
    return [
        Error(
            "wagtail.contrib.settings is not installed, so the panel Settings > Mail archive "
            "cannot be shown.",
            hint=paste(
                "At the end of the settings:", 'INSTALLED_APPS += ["wagtail.contrib.settings"]'
            ),
            id="wagtail_mailarchive.E034",
        )
    ]


@register(Tags.urls)
def check_addresses(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """Ask for our URLconf in the site's."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    try:
        included = NAMESPACE in get_resolver().app_dict
    except (ImportError, ImproperlyConfigured):
        # Django's own check of the URLconf says what is wrong with it.
        return []
    if included:
        return []
    return [
        Error(
            "The addresses of the mail archive are not in the URLconf, so images inside mail "
            "cannot be shown.",
            hint=paste(
                f"At the end of {settings.ROOT_URLCONF}:",
                "from django.urls import include, path\n\n"
                'urlpatterns.insert(0, path("mail/", include("wagtail_mailarchive.urls")))',
            ),
            id="wagtail_mailarchive.E032",
        )
    ]


@register(Tags.database)
def check_full_text(
    app_configs: Sequence[AppConfig] | None = None,
    databases: Sequence[str] | None = None,
    **kwargs: object,
) -> list[CheckMessage]:
    """Ask SQLite whether it was built with FTS5, which search stands on."""
    alias = _database()
    connection = connections[alias]
    if alias not in (databases or ()) or connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'")
        if cursor.fetchone():
            return []
    return [
        Error(
            "This Python's SQLite was built without FTS5, so mail cannot be searched.",
            hint="Use the Python of your distribution or of python.org, or PostgreSQL.",
            id="wagtail_mailarchive.E033",
        )
    ]
