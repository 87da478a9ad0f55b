"""Mail accounts under Settings: list, form, deletion. For managers (see `policies`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import QuerySet
from django.forms import Media
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View
from wagtail.admin.panels import FieldPanel, FieldRowPanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import BooleanColumn, Column
from wagtail.admin.views import generic
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.admin.widgets.button import Button, HeaderButton

from ..fetching.condition import conditions_of_accounts
from ..models import EmailFolderPage, MailAccount
from ..models.permissions import accounts_managed_by, manage_permission
from .account_form import MailAccountForm
from .fetch_now import fetch_button_attrs
from .policies import for_managers

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
        address = reverse("mailarchive_fetch_account", args=[instance.pk])
        buttons.append(
            Button(
                _("Fetch new mail"),
                icon_name="mail",
                attrs=fetch_button_attrs(address),
                priority=15,
            )
        )
        return buttons


@hide_secret
class AccountCreateView(generic.CreateView):
    def get_initial(self) -> dict[str, Any]:
        # The link on a folder without accounts names the folder.
        number = self.request.GET.get("folder", "")
        folder = EmailFolderPage.objects.filter(pk=number).first() if number.isdecimal() else None
        return {**super().get_initial(), "folder": folder and folder.pk}

    def get_success_url(self) -> str:
        return reverse("wagtailadmin_explore", args=[self.object.folder_id])


@hide_secret
class AccountEditView(generic.EditView):
    template_name = "wagtail_mailarchive/admin/account_edit.html"
    run_history = 10

    @cached_property
    def header_buttons(self) -> list[Any]:
        address = reverse("mailarchive_fetch_account", args=[self.object.pk])
        return [
            HeaderButton(_("Fetch new mail"), icon_name="mail", attrs=fetch_button_attrs(address))
        ]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        condition = conditions_of_accounts([self.object])[self.object.pk]
        # A step that leads to an account leads to this very form.
        states = [replace(each, step="") if each.goal else each for each in condition.states]
        context["condition"] = replace(condition, states=states)
        context["runs"] = list(self.object.runs.order_by("-pk")[: self.run_history])
        return context


class AccountDeleteView(generic.DeleteView):
    @property
    def confirmation_message(self) -> str:
        return _(
            "Delete “%(account)s”? Its stored password goes, and nothing more is fetched. "
            "All mail archived from it stays in “%(folder)s”, and nothing changes on the server."
        ) % {"account": self.object.name, "folder": self.object.folder.title}


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
        Column("folder", label=gettext_lazy("Email folder")),
        Column("host", label=gettext_lazy("Host"), classname="mailarchive-wide"),
        BooleanColumn("enabled", label=gettext_lazy("Enabled"), classname="mailarchive-wide"),
        ConditionColumn("condition", label=gettext_lazy("Condition"), width="40%"),
    ]
    list_export: list[str] = []
    search_fields = ["name", "host", "email"]
    ordering = ["name", "pk"]
    index_view_class = AccountIndexView
    add_view_class = AccountCreateView
    edit_view_class = AccountEditView
    delete_view_class = AccountDeleteView
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [FieldPanel("folder"), FieldPanel("name"), FieldPanel("email")],
                heading=gettext_lazy("Account"),
            ),
            MultiFieldPanel(
                [
                    FieldPanel("security"),
                    FieldRowPanel([FieldPanel("host"), FieldPanel("port")]),
                    FieldPanel("username"),
                    FieldPanel("secret"),
                    FieldPanel("ca_certificate"),
                ],
                heading=gettext_lazy("Server"),
            ),
            MultiFieldPanel(
                [FieldPanel("mailboxes"), FieldPanel("interval"), FieldPanel("enabled")],
                heading=gettext_lazy("What to fetch"),
            ),
        ],
        base_form_class=MailAccountForm,
    )

    def construct_view(self, view_class: type[View], **kwargs: Any) -> Any:
        return for_managers(super().construct_view(view_class, **kwargs))

    def get_permissions_to_register(self) -> QuerySet[Permission]:
        return manage_permission()
