"""Where the app plugs into Wagtail; the rooms behind say what happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from wagtail import hooks
from wagtail.actions import ActionRegistry
from wagtail.admin.viewsets.base import ViewSet
from wagtail.admin.widgets.button import Button
from wagtail.log_actions import LogActionRegistry, LogFormatter
from wagtail.models import Page
from wagtail.permissions import register_permission_policy

from .admin import (
    integrity_urls,
    ledger_urls,
    moving,
    oauth,
    page_actions,
    page_hooks,
    site_settings_panel,
    trash_urls,
)
from .admin.account_clone import CloneAccountView
from .admin.account_consequences import CHOSEN, ChoiceFormatter
from .admin.account_dry_run import dry_run
from .admin.account_switching import DISABLED, ENABLED, disable_account, enable_account
from .admin.account_trials import account_trial
from .admin.accounts import MailAccountViewSet
from .admin.dashboard import add_alerts
from .admin.fetch_now import (
    fetch_account,
    fetch_button_attrs,
    fetch_folder,
    may_fetch,
    stop_fetch,
)
from .admin.fetch_progress import fetch_progress
from .admin.fetch_report import FetchReportView
from .admin.fetch_run_page import FetchRunView
from .admin.integrity_alarm import add_integrity
from .admin.menus import ManagersMenuItem, hide_while_off
from .admin.page_viewsets import EmailFolderViewSet, EmailMessageViewSet
from .admin.policies import AccountPolicy, for_managers
from .admin.reconciliation import reconcile_account, reconciliation
from .archive.folder_trash import FOLDER_RESTORED
from .archive.thread_decisions import MERGED, SPLIT, UNDONE
from .collaboration import comment_queue
from .collaboration.before_sign_in import keep_before_sign_in
from .collaboration.relation_views import plug_in as plug_in_relations
from .fetching.run import LOG_ACTION
from .fetching.trash_requests import RESTORED
from .models import EmailFolderPage, FetchRun, MailAccount
from .models.permissions import trash_permission

# First of all: whoever asks for a policy before it is registered gets another one for good.
register_permission_policy(MailAccount, AccountPolicy(MailAccount))
register_permission_policy(FetchRun, AccountPolicy(FetchRun))
site_settings_panel.register()


def register_actions(registry: ActionRegistry) -> None:
    page_actions.register(registry)


def register_viewsets() -> list[ViewSet]:
    ours = [EmailFolderViewSet(), EmailMessageViewSet(), MailAccountViewSet()]
    return [*ours, comment_queue.CommentViewSet()]


def register_admin_urls() -> list[URLPattern]:
    return [
        path(
            "mailarchive/folders/<int:folder_id>/fetch/",
            fetch_folder,
            name="mailarchive_fetch_folder",
        ),
        path(
            "mailarchive/accounts/<int:account_id>/fetch/",
            fetch_account,
            name="mailarchive_fetch_account",
        ),
        path(
            "mailarchive/accounts/<int:account_id>/enable/",
            enable_account,
            name="mailarchive_enable_account",
        ),
        path(
            "mailarchive/accounts/<int:account_id>/disable/",
            disable_account,
            name="mailarchive_disable_account",
        ),
        path(
            "mailarchive/help/clone-account/",
            for_managers(CloneAccountView.as_view()),
            name="mailarchive_clone_account",
        ),
        path(
            "mailarchive/accounts/<int:account_id>/dry-run/",
            dry_run,
            name="mailarchive_dry_run",
        ),
        path(
            "mailarchive/accounts/<int:account_id>/reconcile/",
            reconcile_account,
            name="mailarchive_reconcile_account",
        ),
        path(
            "mailarchive/accounts/<int:account_id>/reconciliation/",
            reconciliation,
            name="mailarchive_reconciliation",
        ),
        path(
            "mailarchive/accounts/<int:account_id>/trials/<int:trial_id>/",
            account_trial,
            name="mailarchive_account_trial",
        ),
        path(
            "mailarchive/folders/<int:folder_id>/progress/",
            fetch_progress,
            name="mailarchive_fetch_progress",
        ),
        path(
            "mailarchive/fetches/",
            for_managers(FetchReportView.as_view()),
            name="mailarchive_fetch_report",
        ),
        path(
            "mailarchive/fetches/results/",
            for_managers(FetchReportView.as_view(results_only=True)),
            name="mailarchive_fetch_report_results",
        ),
        path(
            "mailarchive/fetches/<int:run_id>/",
            FetchRunView.as_view(),
            name="mailarchive_fetch_run",
        ),
        path(
            "mailarchive/fetches/<int:run_id>/stop/",
            stop_fetch,
            name="mailarchive_fetch_stop",
        ),
        path(
            "mailarchive/accounts/<int:account_id>/sign-in/",
            for_managers(oauth.sign_in),
            name="mailarchive_oauth_sign_in",
        ),
        path("mailarchive/oauth/callback/", for_managers(oauth.callback), name=oauth.CALLBACK),
        *integrity_urls.urls(),
        *ledger_urls.urls(),
        *moving.urls(),
        *trash_urls.urls(),
    ]


def register_translation_form() -> list[URLPattern]:
    if not apps.is_installed("wagtail.contrib.simple_translation"):
        return []
    from .admin import page_translation

    return page_translation.urls()


def register_fetch_report_menu_item() -> ManagersMenuItem:
    return ManagersMenuItem(
        gettext_lazy("Mail fetches"),
        reverse("mailarchive_fetch_report"),
        name="mailarchive-fetches",
        icon_name="mail",
        order=1100,
    )


def fetch_button(
    page: Page, user: Any, view_name: str, next_url: str | None = None
) -> Iterator[Button]:
    # In the explorer the button stands on its own, beside the breadcrumbs.
    if view_name == "index" or not isinstance(page, EmailFolderPage):
        return
    if page.pk and may_fetch(user, page):
        yield Button(
            _("Fetch new mail"),
            icon_name="mail",
            attrs=fetch_button_attrs(reverse("mailarchive_fetch_folder", args=[page.pk])),
            priority=5,
        )


class FetchFormatter(LogFormatter):
    label = gettext_lazy("Fetch new mail")

    def format_message(self, log_entry: Any) -> str:
        return _("Fetched %(archived)d new messages from %(account)s") % {
            "archived": log_entry.data.get("archived", 0),
            "account": log_entry.data.get("account", ""),
        }


class RestoreFormatter(LogFormatter):
    label = gettext_lazy("Restore from the trash")

    def format_message(self, log_entry: Any) -> str:
        number = len(log_entry.data.get("messages", []))
        told = ngettext(
            "Restored %(number)d message from the trash",
            "Restored %(number)d messages from the trash",
            number,
        )
        return told % {"number": number}


def register_log_actions(actions: LogActionRegistry) -> None:
    actions.register_action(RESTORED)(RestoreFormatter)
    actions.register_action(
        FOLDER_RESTORED,
        gettext_lazy("Restore the folder"),
        gettext_lazy("Restored this folder from the trash"),
    )
    actions.register_action(LOG_ACTION)(FetchFormatter)
    actions.register_action(CHOSEN)(ChoiceFormatter)
    actions.register_action(ENABLED, gettext_lazy("Enable"), gettext_lazy("Enabled"))
    actions.register_action(DISABLED, gettext_lazy("Disable"), gettext_lazy("Disabled"))
    actions.register_action(MERGED, gettext_lazy("Merge threads"), gettext_lazy("Threads merged"))
    actions.register_action(SPLIT, gettext_lazy("Split thread"), gettext_lazy("Thread split"))
    actions.register_action(
        UNDONE,
        gettext_lazy("Undo merging or splitting threads"),
        gettext_lazy("Merging or splitting threads undone"),
    )


hooks.register("before_delete_page", page_hooks.before_delete_page)
hooks.register("before_copy_page", page_hooks.before_copy_page)
# Last, so that others may still refuse.
hooks.register("before_move_page", page_hooks.before_move_page, order=100)
hooks.register("before_unpublish_page", page_hooks.before_unpublish_page)
hooks.register("before_bulk_action", page_hooks.before_bulk_action)
hooks.register("after_create_page", page_hooks.after_create_page)
hooks.register("after_edit_page", page_hooks.after_edit_page)
hooks.register("register_actions", register_actions)
hooks.register("register_admin_viewset", register_viewsets)
hooks.register("register_admin_urls", register_admin_urls)
hooks.register("register_admin_urls", register_translation_form, order=-1)
hooks.register("register_reports_menu_item", register_fetch_report_menu_item)
hooks.register("register_reports_menu_item", integrity_urls.menu_item)
hooks.register("register_reports_menu_item", comment_queue.menu_item)
hooks.register("before_serve_page", keep_before_sign_in)
hooks.register("register_reports_menu_item", ledger_urls.ledger_menu_item)
hooks.register("register_reports_menu_item", ledger_urls.quarantine_menu_item)
hooks.register("register_reports_menu_item", ledger_urls.whereabouts_menu_item)
hooks.register("construct_homepage_panels", add_alerts)
hooks.register("construct_homepage_panels", add_integrity)
hooks.register("construct_reports_menu", hide_while_off)
hooks.register("construct_settings_menu", hide_while_off)
hooks.register("register_page_header_buttons", fetch_button)
hooks.register("register_page_header_buttons", integrity_urls.folder_button)
hooks.register("register_page_header_buttons", ledger_urls.folder_buttons)
hooks.register("register_page_header_buttons", trash_urls.buttons)
hooks.register("register_permissions", trash_permission)
hooks.register("register_log_actions", register_log_actions)
plug_in_relations()
