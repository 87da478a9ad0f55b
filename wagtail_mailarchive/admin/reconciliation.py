"""“Reconcile”: server and ledger compared, and every difference told with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from wagtail.admin import messages

from ..exceptions import MailArchiveError
from ..fetching.findings import DIFFERENCES, LISTED, Finding
from ..fetching.trials import request_trial, waits_because
from ..models import MailAccount, Trial, TrialKind, TrialStatus
from ..models.run import sentence
from .ledger_rows import ledger_address
from .policies import for_managers

EARLIER = 20


@dataclass(frozen=True, slots=True)
class ToldFinding:
    """One message or mailbox that is not simply the same, in the active language.

    Attributes:
        uid: None where a whole mailbox is meant.
    """

    mailbox: str
    uid: int | None
    date: datetime | None
    size: int | None
    label: str
    reason: str
    is_difference: bool


@dataclass(frozen=True, slots=True)
class Count:
    label: str
    number: int
    is_difference: bool


@require_POST
@for_managers
def reconcile_account(request: HttpRequest, account_id: int) -> HttpResponse:
    """Request a reconciliation of the worker; a second click watches the one under way."""
    account = get_object_or_404(MailAccount.objects.defer("sealed_secret"), pk=account_id)
    latest = _of(account).first()
    if latest is None or latest.status == TrialStatus.DONE:
        try:
            request_trial(account, TrialKind.RECONCILIATION, request.user)  # type: ignore[arg-type]
        except MailArchiveError as error:
            messages.error(request, sentence(error.code, error.params))
    return redirect("mailarchive_reconciliation", account.pk)


@require_safe
@for_managers
def reconciliation(request: HttpRequest, account_id: int) -> HttpResponse:
    """Show the latest reconciliation of an account, or the one that `?trial=` names."""
    account = get_object_or_404(MailAccount.objects.defer("sealed_secret"), pk=account_id)
    latest = _of(account).first()
    number = request.GET.get("trial", "")
    shown = latest
    if number:
        shown = get_object_or_404(_of(account), pk=number if number.isdecimal() else 0)
    context = _context(account, shown)
    if not request.accepts("text/html"):
        template = "wagtail_mailarchive/admin/reconciliation_result.html"
        html = render_to_string(template, context, request)
        poll = request.get_full_path() if context["is_under_way"] else ""
        return JsonResponse({"html": html, "poll": poll})
    context["earlier"] = [_summed(each) for each in _of(account)[:EARLIER]]
    return TemplateResponse(request, "wagtail_mailarchive/admin/reconciliation.html", context)


def _of(account: MailAccount) -> Any:
    return account.trials.filter(kind=TrialKind.RECONCILIATION).order_by("-pk")


def _context(account: MailAccount, trial: Trial | None) -> dict[str, Any]:
    result: Mapping[str, Any] = trial.result if trial is not None else {}
    error = result.get("error")
    counts = result.get("counts", {})
    return {
        "account": account,
        "account_url": reverse("mailarchive_accounts:edit", args=[account.pk]),
        "ledger_url": ledger_address(account=account.pk),
        "trial": trial,
        "is_under_way": trial is not None and trial.status != TrialStatus.DONE,
        "waits_because": waits_because(trial) if trial is not None else None,
        "error": sentence(error["code"], error["params"]) if error else "",
        "compared": result.get("compared", 0),
        "whole": result.get("whole", 0),
        "differences": result.get("differences", 0),
        "counts": [
            Count(str(each.label), counts[each.value], each in DIFFERENCES)
            for each in Finding
            if counts.get(each.value)
        ],
        "findings": [_tell(each) for each in result.get("findings", [])],
        "mailboxes": result.get("mailboxes", []),
        "listed": LISTED,
        "truncated": result.get("truncated", False),
    }


def _summed(trial: Trial) -> dict[str, Any]:
    error = trial.result.get("error")
    return {
        "trial": trial,
        "is_done": trial.status == TrialStatus.DONE,
        "error": sentence(error["code"], error["params"]) if error else "",
        "differences": trial.result.get("differences", 0),
    }


def _tell(found: Mapping[str, Any]) -> ToldFinding:
    finding, date = Finding(found["finding"]), found["date"]
    return ToldFinding(
        mailbox=found["mailbox"],
        uid=found["uid"],
        date=datetime.fromisoformat(date) if date else None,
        size=found["size"],
        label=str(finding.label),
        reason=sentence(found["reason_code"], found["reason_params"]),
        is_difference=finding in DIFFERENCES,
    )
