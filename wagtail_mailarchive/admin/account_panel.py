"""The panel of a folder's form that shows which mail accounts fill it.

It holds no field, so nothing about accounts becomes part of a page's revisions or autosave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.forms import Media
from django.urls import reverse
from django.utils.translation import gettext as _
from wagtail.admin.panels import Panel
from wagtail.admin.widgets.button import Button

from ..fetching.condition import Condition, conditions_of_accounts
from ..models import MailAccount
from ..models.site_settings import is_on
from .account_buttons import fetch_button, more_buttons
from .policies import may_manage


class MailAccountsPanel(Panel):
    """Shown once a folder is saved, while the site archives mail."""

    class BoundPanel(Panel.BoundPanel):
        template_name = "wagtail_mailarchive/admin/account_panel.html"
        media = Media(css={"all": ["wagtail_mailarchive/admin.css"]})

        def is_shown(self) -> bool:
            return self.instance.pk is not None and is_on()

        def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
            context: dict[str, Any] = super().get_context_data(parent_context)
            accounts = MailAccount.objects.filter(folder_id=self.instance.pk)
            found = list(accounts.select_related("created_by").defer("sealed_secret"))
            managed = may_manage(self.request.user, self.instance)
            conditions = conditions_of_accounts(found) if managed else {}
            address = reverse("mailarchive_accounts:add")
            return context | {
                "may_manage": managed,
                "rows": [
                    _Row(each, conditions.get(each.pk), _buttons(each) if managed else [])
                    for each in found
                ],
                "connect_url": f"{address}?folder={self.instance.pk}",
            }


@dataclass(frozen=True, slots=True)
class _Row:
    account: MailAccount
    condition: Condition | None
    buttons: list[Button]


def _buttons(account: MailAccount) -> list[Button]:
    fetch = [fetch_button(account)] if account.enabled else []
    return [_edit_button(account), *fetch, *more_buttons(account)]


def _edit_button(account: MailAccount) -> Button:
    return Button(
        _("Edit"), url=reverse("mailarchive_accounts:edit", args=[account.pk]), icon_name="edit"
    )
