"""“Dry run”: what the next fetch would archive, leave out and treat, before anything is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from wagtail.admin import messages

from ..exceptions import MailArchiveError
from ..fetching.dry_run import LISTED, TREATMENTS, Fate
from ..fetching.trials import request_trial, waits_because
from ..models import MailAccount, Trial, TrialKind, TrialStatus
from ..models.run import sentence
from .account_consequences import what_happens_to_new
from .policies import for_managers


@dataclass(frozen=True, slots=True)
class ToldMessage:
    """One message of a dry run, in the active language."""

    mailbox: str
    subject: str
    sender: str
    date: datetime | None
    size: int
    fate: str
    reason: str


@require_http_methods(["GET", "POST"])
@for_managers
def dry_run(request: HttpRequest, account_id: int) -> HttpResponse:
    """Show the latest dry run of an account; a POST requests a new one of the worker."""
    accounts = MailAccount.objects.select_related("folder").defer("sealed_secret")
    account = get_object_or_404(accounts, pk=account_id)
    latest = account.trials.filter(kind=TrialKind.DRY_RUN).order_by("-pk").first()
    is_under_way = latest is not None and latest.status != TrialStatus.DONE
    if request.method == "POST":
        # A second click watches the one that is under way.
        if not is_under_way:
            _request(request, account)
        return redirect("mailarchive_dry_run", account.pk)
    context = _context(account, latest)
    if not request.accepts("text/html"):
        template = "wagtail_mailarchive/admin/account_dry_run_result.html"
        html = render_to_string(template, context, request)
        return JsonResponse({"html": html, "poll": request.path if is_under_way else ""})
    return TemplateResponse(request, "wagtail_mailarchive/admin/account_dry_run.html", context)


def _request(request: HttpRequest, account: MailAccount) -> None:
    try:
        request_trial(account, TrialKind.DRY_RUN, request.user)  # type: ignore[arg-type]
    except MailArchiveError as error:
        messages.error(request, sentence(error.code, error.params))


def _context(account: MailAccount, trial: Trial | None) -> dict[str, Any]:
    result = trial.result if trial is not None else {}
    error, refusal = result.get("error"), result.get("refusal")
    return {
        "account": account,
        "account_url": reverse("mailarchive_accounts:edit", args=[account.pk]),
        "trial": trial,
        "is_under_way": trial is not None and trial.status != TrialStatus.DONE,
        "waits_because": waits_because(trial) if trial is not None else None,
        "error": sentence(error["code"], error["params"]) if error else "",
        "refusal": sentence(refusal["code"], refusal["params"]) if refusal else "",
        "counts": list(_counts(result.get("counts", {}))),
        "found": [_tell(each) for each in result.get("messages", [])],
        "listed": LISTED,
        "afterwards": what_happens_to_new(account),
        "truncated": result.get("truncated", False),
    }


def _counts(counts: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    for fate in Fate:
        number = counts.get(fate.value, 0)
        if number or fate not in TREATMENTS:
            yield str(fate.label), number


def _tell(message: Mapping[str, Any]) -> ToldMessage:
    date = message["date"]
    return ToldMessage(
        mailbox=message["mailbox"],
        subject=message["subject"] or _("(no subject)"),
        sender=message["sender"],
        date=datetime.fromisoformat(date) if date else None,
        size=message["size"],
        fate=str(Fate(message["outcome"]).label),
        reason=sentence(message["reason_code"], message["reason_params"]),
    )
