"""Enabling, disabling and removing an account: what will happen, in numbers, before it does."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods
from wagtail.admin import messages
from wagtail.admin.utils import get_valid_next_url_from_request
from wagtail.log_actions import log

from ..models import MailAccount, Outcome, Presence
from ..models.ledger import LedgerEntry
from ..models.run import ACTIVE
from .account_consequences import what_happens
from .policies import for_managers

ENABLED = "mailarchive.enable_account"
DISABLED = "mailarchive.disable_account"


@dataclass(frozen=True, slots=True)
class Stock:
    """What an account has brought so far; two queries.

    Attributes:
        archived: messages of it in its folder.
        waiting: messages known to be on the server and not archived yet.
        is_fetching: whether a run is queued or under way.
    """

    archived: int
    waiting: int
    is_fetching: bool


def stock_of(account: MailAccount) -> Stock:
    """Count what `account` has brought, over all its mailboxes."""
    waiting = Q(outcome=Outcome.WAITING, presence=Presence.PRESENT)
    counted = LedgerEntry.objects.filter(mailbox__account=account).aggregate(
        archived=Count("pk", filter=Q(outcome=Outcome.ARCHIVED)),
        waiting=Count("pk", filter=waiting),
    )
    is_fetching = account.runs.filter(status__in=ACTIVE).exists()
    return Stock(counted["archived"], counted["waiting"], is_fetching)


def stays_archived(stock: Stock, account: MailAccount) -> str:
    sentence = ngettext(
        "%(number)d message archived from it stays in “%(folder)s”.",
        "%(number)d messages archived from it stay in “%(folder)s”.",
        stock.archived,
    )
    return sentence % {"number": stock.archived, "folder": account.folder.title}


def no_longer_fetched(stock: Stock) -> list[str]:
    """Return what becomes of a fetch under way and of what waits on the server."""
    told = []
    if stock.is_fetching:
        told.append(_("The fetch under way stops after the messages it has in hand."))
    if stock.waiting:
        sentence = ngettext(
            "%(number)d message that waits on the server is not fetched.",
            "%(number)d messages that wait on the server are not fetched.",
            stock.waiting,
        )
        told.append(sentence % {"number": stock.waiting})
    else:
        told.append(_("New mail is not fetched any more."))
    return told


def what_removing_does(account: MailAccount) -> list[str]:
    stock = stock_of(account)
    return [
        stays_archived(stock, account),
        *no_longer_fetched(stock),
        _("Its stored password or sign-in is erased."),
        _("Nothing changes on the server."),
    ]


def _what_disabling_does(account: MailAccount) -> list[str]:
    stock = stock_of(account)
    return [
        *no_longer_fetched(stock),
        stays_archived(stock, account),
        _("Its settings are kept; it can be enabled again at any time."),
    ]


def _what_enabling_does(account: MailAccount) -> list[str]:
    stock = stock_of(account)
    told = [_("Its mail is fetched within the next minute, and then on schedule.")]
    if stock.waiting:
        sentence = ngettext(
            "%(number)d message is known to wait on the server.",
            "%(number)d messages are known to wait on the server.",
            stock.waiting,
        )
        told.append(sentence % {"number": stock.waiting})
    return [*told, *what_happens(account)]


@require_http_methods(["GET", "POST"])
@for_managers
def enable_account(request: HttpRequest, account_id: int) -> HttpResponse:
    """Confirm, then have the schedule fetch an account whose connection passed a test."""
    account = _account(account_id)
    if not account.enabled and account.verified_at is None:
        messages.warning(
            request,
            _("“%(account)s” can be enabled once a test of its connection has passed.")
            % {"account": account.name},
        )
        return redirect(_form_of(account) + "#mailarchive-test")
    if request.method != "POST":
        return _confirmation(
            request,
            account,
            title=_("Enable"),
            question=_("Enable “%(account)s”?") % {"account": account.name},
            consequences=_what_enabling_does(account),
            yes=_("Yes, enable"),
        )
    return _switch(request, account, enabled=True)


@require_http_methods(["GET", "POST"])
@for_managers
def disable_account(request: HttpRequest, account_id: int) -> HttpResponse:
    """Confirm, then fetch nothing more from an account; a run stops after its batch."""
    account = _account(account_id)
    if request.method != "POST":
        return _confirmation(
            request,
            account,
            title=_("Disable"),
            question=_("Disable “%(account)s”?") % {"account": account.name},
            consequences=_what_disabling_does(account),
            yes=_("Yes, disable"),
        )
    return _switch(request, account, enabled=False)


def _switch(request: HttpRequest, account: MailAccount, *, enabled: bool) -> HttpResponse:
    with transaction.atomic():
        changed = MailAccount.objects.filter(pk=account.pk, enabled=not enabled)
        if enabled:
            # Somebody may have edited it since the question was asked.
            changed = changed.filter(verified_at__isnull=False)
        if not changed.update(enabled=enabled):
            return redirect(_form_of(account))
        log(instance=account, action=ENABLED if enabled else DISABLED, user=request.user)
    sentence = _("“%(account)s” is enabled.") if enabled else _("“%(account)s” is disabled.")
    messages.success(request, sentence % {"account": account.name})
    return redirect(get_valid_next_url_from_request(request) or _form_of(account))


def _confirmation(
    request: HttpRequest,
    account: MailAccount,
    *,
    title: str,
    question: str,
    consequences: list[str],
    yes: str,
) -> HttpResponse:
    return TemplateResponse(
        request,
        "wagtail_mailarchive/admin/account_switch.html",
        {
            "account": account,
            "title": title,
            "question": question,
            "consequences": consequences,
            "yes": yes,
            "next": get_valid_next_url_from_request(request),
            "back": get_valid_next_url_from_request(request) or _form_of(account),
        },
    )


def _account(account_id: int) -> MailAccount:
    accounts = MailAccount.objects.select_related("folder").defer("sealed_secret")
    return get_object_or_404(accounts, pk=account_id)


def _form_of(account: MailAccount) -> str:
    return reverse("mailarchive_accounts:edit", args=[account.pk])
