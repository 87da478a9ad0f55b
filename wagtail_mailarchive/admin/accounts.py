"""Mail accounts under Settings: list, form, deletion. For managers (see `policies`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from django.db.transaction import non_atomic_requests
from django.forms import Media
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View
from wagtail.admin import messages
from wagtail.admin.ui.tables import BooleanColumn, Column
from wagtail.admin.views import generic
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.admin.widgets.button import HeaderButton

from ..fetching.condition import conditions_of_accounts
from ..fetching.states import Goal
from ..models import MailAccount, TrialKind
from ..models.permissions import accounts_managed_by, folders_managed_by, manage_permission
from .account_buttons import fetch_button, more_buttons, sign_in_buttons
from .account_consequences import what_happens_to_archived
from .account_form import MailAccountForm
from .account_handler import account_handler
from .account_switching import what_removing_does
from .account_trials import (
    TEST_ACTION,
    TestsConnection,
    latest_test,
    listed_mailboxes,
    show_result,
    tell,
)
from .fetch_progress import beside, region_of_account
from .oauth import start_sign_in
from .policies import asked_number, for_managers

SIGN_IN_ACTION = "action-sign_in"

hide_secret = method_decorator(sensitive_post_parameters("secret"), name="dispatch")


class ConditionColumn(Column):
    cell_template_name = "wagtail_mailarchive/admin/condition_cell.html"

    def get_cell_context_data(self, instance: Any, parent_context: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_cell_context_data(instance, parent_context)
        context["condition"] = instance.condition
        return context


class AccountIndexView(generic.IndexView):
    def get_base_queryset(self) -> QuerySet[MailAccount]:
        accounts = accounts_managed_by(self.request.user)
        return accounts.select_related("folder").defer("sealed_secret")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        accounts = list(context["object_list"])
        conditions = conditions_of_accounts(accounts)
        for account in accounts:
            account.condition = conditions[account.pk]
        context["media"] += Media(css={"all": ["wagtail_mailarchive/admin.css"]})
        return context

    def get_list_more_buttons(self, instance: MailAccount) -> list[Any]:
        buttons: list[Any] = super().get_list_more_buttons(instance)
        return [*buttons, fetch_button(instance), *more_buttons(instance)]


class AccountFormView(TestsConnection):
    """What the views of a new and of a saved account have in common: three buttons."""

    object: Any

    def saved_account(self) -> MailAccount | None:
        """Return the account as it is saved; None before it is."""
        return None

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if TEST_ACTION in request.POST:
            self.object = self.saved_account()
            # Another instance, because the form writes what was typed into its own.
            return self.test_connection(self.get_form(), self.saved_account())
        response: HttpResponseBase = super().post(request, *args, **kwargs)
        return response

    def save_action(self) -> HttpResponseBase:
        if SIGN_IN_ACTION in self.request.POST:
            return start_sign_in(self.request, self.object)
        response: HttpResponseBase = super().save_action()
        return response


@hide_secret
class AccountCreateView(AccountFormView, generic.CreateView):
    def get_initial(self) -> dict[str, Any]:
        # The link on a folder without accounts names the folder.
        number = asked_number(self.request.GET.get("folder", ""))
        # The form shows its title, which is not everybody's to know.
        folder = folders_managed_by(self.request.user).filter(pk=number).first()
        return {**super().get_initial(), "folder": folder and folder.pk}

    def get_success_message(self, instance: MailAccount) -> str:
        return told_after_saving(instance)

    def get_success_buttons(self) -> list[Any]:
        # Where it leads to the form there is no need for a way to it.
        return super().get_success_buttons() if self.object.enabled else []

    def get_success_url(self) -> str:
        if self.object.enabled:
            return reverse("wagtailadmin_explore", args=[self.object.folder_id])
        return f"{self.get_edit_url()}#mailarchive-test"


@hide_secret
class AccountEditView(AccountFormView, generic.EditView):
    template_name = "wagtail_mailarchive/admin/account_edit.html"
    run_history = 10

    @cached_property
    def header_buttons(self) -> list[Any]:
        sign_in = sign_in_buttons(self.object, HeaderButton)
        return [*sign_in, fetch_button(self.object, HeaderButton)]

    @cached_property
    def header_more_buttons(self) -> list[Any]:
        return [*more_buttons(self.object), *super().header_more_buttons]

    def get_form(self, form_class: Any = None) -> MailAccountForm:
        form: MailAccountForm = super().get_form(form_class)
        form.know_mailboxes(listed_mailboxes(latest_test(self.object)))
        number = asked_number(self.request.GET.get("trial", ""))
        if not form.is_bound and number is not None:
            # The result of a test, where no script puts it into the page.
            trial = self.object.trials.filter(kind=TrialKind.CONNECTION, pk=number).first()
            if trial is not None:
                show_result(form, tell(trial, self.object), trial)
        return form

    def saved_account(self) -> MailAccount | None:
        account: MailAccount = self.get_object()
        return account

    def get_success_message(self) -> str:
        return told_after_saving(self.object)

    def get_success_url(self) -> str:
        if self.object.verified_at is None:
            return f"{self.get_edit_url()}#mailarchive-test"
        return reverse("mailarchive_accounts:index")

    def get_success_buttons(self) -> list[Any]:
        if self.object.enabled or self.object.verified_at is None:
            return []
        address = reverse("mailarchive_enable_account", args=[self.object.pk])
        return [messages.button(address, _("Enable"))]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        condition = conditions_of_accounts([self.object])[self.object.pk]
        # A step that leads to an account leads to this very form.
        states = [
            replace(each, step="") if each.goal is Goal.ACCOUNT else each
            for each in condition.states
        ]
        context["condition"] = replace(condition, states=states)
        region = region_of_account(self.object, self.request.user)
        if region is not None:
            context["fetch_region"] = region
            context["media"] += region.media
            context["condition"] = beside(region, context["condition"])
        context["runs"] = list(self.object.runs.order_by("-pk")[: self.run_history])
        return context


class AccountDeleteView(generic.DeleteView):
    template_name = "wagtail_mailarchive/admin/account_confirm_delete.html"

    @property
    def confirmation_message(self) -> str:
        return _("Remove “%(account)s”?") % {"account": self.object.name}

    @property
    def consequences(self) -> list[str]:
        return what_removing_does(self.object)


def told_after_saving(account: MailAccount) -> str:
    """Return what was saved, and what it does from now on, with archived mail as well."""
    if account.enabled:
        told = _("“%(account)s” is saved; its mail is fetched on schedule.")
    elif account.verified_at is not None:
        told = _("“%(account)s” is saved and disabled. Its connection works; it can be enabled.")
    else:
        told = _(
            "“%(account)s” is saved and disabled, because these values have not been tested. "
            "Test the connection; then the account can be enabled."
        )
    return " ".join([told % {"account": account.name}, *what_happens_to_archived(account)])


class MailAccountViewSet(ModelViewSet):
    model = MailAccount
    name = "mailarchive_accounts"
    url_prefix = "mailarchive/accounts"
    icon = "mail"
    menu_name = "mailarchive-accounts"
    add_to_settings_menu = True
    menu_order = 700
    copy_view_enabled = False
    inspect_view_enabled = False
    list_display = [
        "name",
        Column("folder", label=gettext_lazy("Email folder"), classname="mailarchive-wide"),
        Column("host", label=gettext_lazy("Host"), classname="mailarchive-wide"),
        BooleanColumn("enabled", label=gettext_lazy("Enabled"), classname="mailarchive-wide"),
        ConditionColumn("condition", label=gettext_lazy("Condition"), classname="mailarchive-told"),
    ]
    list_export: list[str] = []
    search_fields = ["name", "host", "email"]
    ordering = ["name", "pk"]
    index_view_class = AccountIndexView
    add_view_class = AccountCreateView
    edit_view_class = AccountEditView
    delete_view_class = AccountDeleteView
    edit_handler = account_handler

    def construct_view(self, view_class: type[View], **kwargs: Any) -> Any:
        # A test of a connection takes seconds, which no transaction of the site's may wait for.
        return non_atomic_requests(for_managers(super().construct_view(view_class, **kwargs)))

    def get_permissions_to_register(self) -> QuerySet[Permission]:
        return manage_permission()
