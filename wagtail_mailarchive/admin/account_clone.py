"""How to give the archive a mailbox of its own; the same as docs/how-to/clone-account.md."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin


class CloneAccountView(WagtailAdminTemplateMixin, TemplateView):
    template_name = "wagtail_mailarchive/admin/account_clone.html"
    page_title = gettext_lazy("A mailbox for the archive alone")
    header_icon = "help"
    http_method_names = ["get", "head", "options"]

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        accounts = reverse("mailarchive_accounts:index")
        return [
            *self.breadcrumbs_items,
            {"url": accounts, "label": _("Mail accounts")},
            {"url": "", "label": self.get_page_title()},
        ]
