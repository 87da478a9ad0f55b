"""The ledger on screen: a sum for each mail account, and behind every number its list.

For those who manage the accounts of the folders it is about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.forms import Media
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView
from wagtail.admin.paginator import WagtailPaginator
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin

from ..fetching.schedule import latest_run_id
from ..fetching.tally import added, tallies
from ..models import EmailFolderPage, FetchRun, MailAccount, Mailbox, Outcome
from ..models.permissions import folders_managed_by, may_manage_any
from .ledger_rows import (
    FORMER,
    PRESENCES,
    Entries,
    chosen,
    is_former,
    ledger_address,
    row_of,
)
from .ledger_sum import LedgerSum, Term, whole_sum_of
from .policies import refused

PER_PAGE = 50
# Sums on one page; with more accounts, one folder or account has to be chosen.
MOST_SUMS = 50


def managed_ids(user: Any) -> list[int]:
    """Return the keys of the folders whose accounts `user` manages."""
    return list(folders_managed_by(user).values_list("pk", flat=True))


class ScopeForm(forms.Form):
    """What to show of the ledger; only what is of the folders `managed` can be chosen."""

    folder = forms.ModelChoiceField(
        label=gettext_lazy("Email folder"),
        queryset=EmailFolderPage.objects.none(),
        required=False,
        empty_label=gettext_lazy("All folders"),
    )
    account = forms.ModelChoiceField(
        label=gettext_lazy("Mail account"),
        queryset=MailAccount.objects.none(),
        required=False,
        empty_label=gettext_lazy("All accounts"),
    )
    mailbox = forms.ModelChoiceField(
        label=gettext_lazy("Mailbox"),
        queryset=Mailbox.objects.none(),
        required=False,
        empty_label=gettext_lazy("All mailboxes"),
    )
    outcome = forms.ChoiceField(
        label=gettext_lazy("Outcome"),
        choices=[("", gettext_lazy("Any outcome")), *Outcome.choices],
        required=False,
    )
    presence = forms.ChoiceField(
        label=gettext_lazy("On the server"),
        choices=[("", gettext_lazy("There or not")), *PRESENCES],
        required=False,
    )

    def __init__(self, data: Any, *, managed: Collection[int]) -> None:
        super().__init__(data)
        folders = EmailFolderPage.objects.filter(pk__in=managed)
        accounts = MailAccount.objects.filter(folder__in=managed).defer("sealed_secret")
        self._field("folder").queryset = folders.order_by("title")
        self._field("account").queryset = accounts.order_by("name")
        self._field("mailbox").queryset = Mailbox.objects.filter(folder__in=managed)

    def _field(self, name: str) -> forms.ModelChoiceField[Any]:
        return cast("forms.ModelChoiceField[Any]", self.fields[name])


class LedgerView(WagtailAdminTemplateMixin, TemplateView):
    """Shows sums, and the entries of what was chosen."""

    template_name = "wagtail_mailarchive/admin/ledger.html"
    http_method_names = ["get", "head", "options"]
    page_title = gettext_lazy("Ledger")
    header_icon = "list-ul"
    # Where all entries are about one outcome.
    outcome = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_manage_any(request.user):
            return refused(request)
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # Once, because on a large site that takes longer than all else.
        self.managed = managed_ids(request.user)
        self.form = ScopeForm(request.GET, managed=self.managed)
        if not self.form.is_valid():
            # The same for what is not there and for what is not theirs.
            raise Http404
        return self.render_to_response(self.get_context_data(**kwargs))

    def get_page_subtitle(self) -> str:
        values = self.form.cleaned_data
        told = values["mailbox"] or values["account"] or values["folder"]
        return str(told or "")

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        label = {"url": "", "label": self.get_page_title(), "sublabel": self.get_page_subtitle()}
        return [*self.breadcrumbs_items, label]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        values = self.form.cleaned_data
        outcome = self.outcome or values["outcome"]
        presence = values["presence"]
        mailboxes = list(self._mailboxes())
        context.update(
            form=self.form,
            # The mailboxes of one account, or there would be too many to choose from.
            choosable=self._choosable(),
            outcome=outcome,
            hidden=self._hidden(),
            sums=self._sums() if not self.outcome else [],
            former_accounts=self._former_accounts(mailboxes) if not self.outcome else None,
            is_narrowed=bool(outcome or presence or self._has_scope()),
            media=Media(css={"all": ["wagtail_mailarchive/admin.css"]}),
        )
        if context["is_narrowed"]:
            entries, within = chosen(mailboxes, outcome=outcome, presence=presence)
            context |= self._page(Entries(entries, within))
        return context

    def _former_accounts(self, mailboxes: Sequence[Mailbox]) -> Term | None:
        """Return what came into a folder from accounts that are not its own now; None if nothing.

        All of it, whether or not it is still on a server: nobody compares it with one any more.
        """
        folder = self.form.cleaned_data["folder"]
        former = [each for each in mailboxes if is_former(each)]
        if folder is None or not former or self._chose_mail_of_one():
            return None
        counted = added(tallies(former).values())
        address = ledger_address(folder=folder.pk, presence=FORMER)
        number = counted.present + counted.gone + counted.removed
        return Term(str(dict(PRESENCES)[FORMER]), number, address)

    def _chose_mail_of_one(self) -> bool:
        values = self.form.cleaned_data
        return bool(values["account"] or values["mailbox"])

    def _has_scope(self) -> bool:
        values = self.form.cleaned_data
        return any(values[name] for name in ("folder", "account", "mailbox"))

    def _choosable(self) -> list[forms.BoundField]:
        names = ["folder", "account"]
        names += [] if self.outcome else ["outcome"]
        return [self.form[name] for name in [*names, "presence"]]

    def _hidden(self) -> list[tuple[str, Any]]:
        mailbox = self.form.cleaned_data["mailbox"]
        return [("mailbox", mailbox.pk)] if mailbox else []

    def _mailboxes(self) -> QuerySet[Mailbox]:
        values = self.form.cleaned_data
        found = self._known()
        if values["folder"]:
            found = found.filter(folder=values["folder"])
        if values["account"]:
            found = found.filter(account=values["account"])
        if values["mailbox"]:
            found = found.filter(pk=values["mailbox"].pk)
        return found

    def _known(self) -> QuerySet[Mailbox]:
        found = Mailbox.objects.filter(folder__in=self.managed).select_related("account")
        return found.defer("account__sealed_secret")

    def _sums(self) -> list[LedgerSum]:
        values = self.form.cleaned_data
        if values["mailbox"]:
            return []
        accounts = MailAccount.objects.filter(folder__in=self.managed).select_related("folder")
        accounts = accounts.annotate(latest=latest_run_id())
        if values["account"]:
            accounts = accounts.filter(pk=values["account"].pk)
        if values["folder"]:
            accounts = accounts.filter(folder=values["folder"])
        found: list[Any] = list(
            accounts.defer("sealed_secret").order_by("name", "pk")[: MOST_SUMS + 1]
        )
        if len(found) > MOST_SUMS:
            return []
        # All of an account, as its lists are, also what is still noted for another folder.
        mailboxes = list(self._known().filter(account__in=[each.pk for each in found]))
        by_account: dict[int | None, list[Mailbox]] = defaultdict(list)
        for mailbox in mailboxes:
            by_account[mailbox.account_id].append(mailbox)
        counted = tallies(mailboxes)
        runs = FetchRun.objects.in_bulk([each.latest for each in found if each.latest])
        return [
            whole_sum_of(each, by_account[each.pk], counted, runs.get(each.latest))
            for each in found
        ]

    def _page(self, entries: Entries) -> dict[str, Any]:
        paginator = WagtailPaginator(entries, PER_PAGE)
        page = paginator.get_page(self.request.GET.get("p"))
        rows = [row_of(entry, self.request.user) for entry in page.object_list]
        return {
            "rows": rows,
            "can_be_wanted": any(row.can_be_wanted for row in rows),
            "heading": self._heading(),
            "total": paginator.count,
            "page_obj": page,
            "elided_page_range": paginator.get_elided_page_range(page.number),
            "is_paginated": paginator.num_pages > 1,
        }

    def _heading(self) -> str:
        values = self.form.cleaned_data
        outcome = self.outcome or values["outcome"]
        words = [str(Outcome(outcome).label)] if outcome else []
        words += [str(dict(PRESENCES)[values["presence"]])] if values["presence"] else []
        if not words:
            return _("Messages")
        return _("Messages: %(which)s") % {"which": ", ".join(words)}
