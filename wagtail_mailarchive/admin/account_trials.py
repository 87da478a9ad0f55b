"""“Test connection” in the admin: what the button is answered, and how a test is told.

What is saved and unchanged is tested by the worker, by its id, and the page asks how far it is.
What was typed and not saved is tried at once, in the web process, and not stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_variables
from wagtail.admin.views.generic.mixins import JsonPostResponseMixin

from ..exceptions import MailArchiveError
from ..fetching.states import State
from ..fetching.trials import request_trial, try_values, waits_because
from ..models import MailAccount, Trial, TrialKind, TrialStatus
from ..models.account import POP3_MAILBOX, MailboxChoice
from ..models.run import sentence
from ..models.site_settings import effective_settings
from ..sources.base import Login, SpecialUse
from .account_afterwards import for_script, is_gmail, offered_in
from .account_fields import ListedMailbox
from .account_form import MailAccountForm
from .account_token import sign_tested
from .policies import for_managers

TEST_ACTION = "action-test"

STEP_NAMES: Mapping[str, str | Promise] = {
    "resolve": gettext_lazy("Find the server"),
    "connect": gettext_lazy("Connect"),
    "tls": gettext_lazy("Encrypt"),
    "login": gettext_lazy("Log in"),
    "capabilities": gettext_lazy("Ask what it can do"),
    "mailboxes": gettext_lazy("List the mailboxes"),
    "messages": gettext_lazy("Count the messages"),
}
OUTCOMES: Mapping[str, str | Promise] = {
    "passed": gettext_lazy("passed"),
    "failed": gettext_lazy("failed"),
    "skipped": gettext_lazy("not tried"),
}
USES: Mapping[str, str | Promise] = {
    SpecialUse.JUNK: gettext_lazy("junk"),
    SpecialUse.TRASH: gettext_lazy("trash"),
    SpecialUse.DRAFTS: gettext_lazy("drafts"),
    SpecialUse.SENT: gettext_lazy("sent mail"),
    SpecialUse.ARCHIVE: gettext_lazy("archive"),
    SpecialUse.ALL: gettext_lazy("all mail"),
    SpecialUse.FLAGGED: gettext_lazy("flagged mail"),
}


@dataclass(frozen=True, slots=True)
class ToldStep:
    """One step of a test, in the active language."""

    name: str
    outcome: str
    passed: bool
    failed: bool
    said: str


@dataclass(frozen=True, slots=True)
class ToldTrial:
    """A connection test as its page shows it.

    Attributes:
        problems: why none was made: (field, sentence); the field may be "". Empty if one was.
        poll: where to ask how far it is; "" once it has ended.
        waits_because: why it does not begin; None if it did or will.
        account: the saved account it was a test of; None for values that nobody saved.
    """

    steps: list[ToldStep] = field(default_factory=list)
    passed: bool = False
    problems: list[tuple[str, str]] = field(default_factory=list)
    poll: str = ""
    waits_because: State | None = None
    account: MailAccount | None = None

    def html(self, request: HttpRequest) -> str:
        template = "wagtail_mailarchive/admin/account_trial.html"
        return render_to_string(template, {"trial": self}, request)


def tell(trial: Trial, account: MailAccount | None) -> ToldTrial:
    """Return `trial` for its reader; `account` is what was tested, if it is saved."""
    if trial.status != TrialStatus.DONE:
        return ToldTrial(
            poll=reverse("mailarchive_account_trial", args=[trial.account_id, trial.pk]),
            waits_because=waits_because(trial),
            account=account,
        )
    steps = [_tell_step(each) for each in trial.result.get("steps", [])]
    return ToldTrial(steps=steps, passed=bool(trial.result.get("passed")), account=account)


def listed_mailboxes(trial: Trial | None) -> list[ListedMailbox]:
    """Return what the server listed in a test; nothing where it did not come so far."""
    found = trial.result.get("mailboxes", []) if trial else []
    return [ListedMailbox(each["name"], str(USES.get(each["special_use"], ""))) for each in found]


def latest_test(account: MailAccount) -> Trial | None:
    """Return the last connection test of `account` that listed mailboxes."""
    tests = account.trials.filter(kind=TrialKind.CONNECTION, status=TrialStatus.DONE)
    return tests.filter(result__passed=True).order_by("-pk").first()


@for_managers
def account_trial(request: HttpRequest, account_id: int, trial_id: int) -> HttpResponse:
    """Tell how far a trial of a saved account is: as JSON, or on the account's page."""
    account = get_object_or_404(MailAccount, pk=account_id)
    trial = get_object_or_404(account.trials, pk=trial_id, kind=TrialKind.CONNECTION)
    if request.accepts("text/html"):
        address = reverse("mailarchive_accounts:edit", args=[account.pk])
        return redirect(f"{address}?trial={trial.pk}#mailarchive-test")
    return _as_json(request, tell(trial, account), trial, host=account.host)


class TestsConnection(JsonPostResponseMixin):
    """For the form's views: a second button, which saves nothing."""

    request: HttpRequest
    form: MailAccountForm

    @sensitive_variables()
    def test_connection(self, form: MailAccountForm, saved: MailAccount | None) -> HttpResponse:
        """Answer the button: run the test, or say why there is none.

        Args:
            saved: the form's account as it is saved; None before it is.
        """
        self.form = form
        trial = None
        try:
            trial = self._try(form, saved)
            told = tell(trial, saved if trial.account_id else None)
        except MailArchiveError as error:
            told = ToldTrial(problems=[("", sentence(error.code, error.params))])
        except _Untestable as problem:
            told = ToldTrial(problems=problem.reasons)
        proof = ""
        if told.passed and form.must_be_tested:
            proof = sign_tested(form.instance, form.cleaned_data["secret"], form.for_user)
        if self.expects_json_response:
            return _as_json(self.request, told, trial, proof, host=form.instance.host)
        if told.poll:
            return redirect(told.poll)
        return self._form_again(form, told, trial, proof)

    @sensitive_variables()
    def _try(self, form: MailAccountForm, saved: MailAccount | None) -> Trial:
        if not form.leave_what_a_test_tries():
            raise _Untestable(_problems(form))
        if saved is not None and not form.must_be_tested:
            return request_trial(saved, TrialKind.CONNECTION, form.for_user)
        if form.instance.login == Login.OAUTH2:
            reason = _("Save the account and sign in first; then its connection can be tested.")
            raise _Untestable([("", reason)])
        endpoint = form.instance.endpoint(form.cleaned_data["secret"] or None)
        protocol, mailbox = form.instance.protocol, _counted_mailbox(form)
        return try_values(endpoint, protocol, form.for_user, mailbox=mailbox)

    def _form_again(
        self, form: MailAccountForm, told: ToldTrial, trial: Trial | None, proof: str
    ) -> HttpResponse:
        """Show the form with the result, for browsers without JavaScript."""
        form.data = form.data.copy()
        form.data["tested"] = proof
        show_result(form, told, trial)
        response: HttpResponse = self.render_to_response(self.get_context_data())
        return response


class _Untestable(Exception):
    def __init__(self, reasons: list[tuple[str, str]]) -> None:
        super().__init__()
        self.reasons = reasons


def show_result(form: MailAccountForm, told: ToldTrial, trial: Trial | None) -> None:
    """Have the form's page show a test, and offer what it found."""
    form.trial = told
    form.secret_is_gone = bool(form.is_bound and form.data.get("secret"))
    if found := listed_mailboxes(trial):
        form.know_mailboxes(found)
    if trial is not None and told.passed:
        form.know_server(offered_in(trial))


def _as_json(
    request: HttpRequest, told: ToldTrial, trial: Trial | None, proof: str = "", *, host: str
) -> JsonResponse:
    offered = offered_in(trial) if told.passed else None
    return JsonResponse(
        {
            "html": told.html(request),
            "poll": told.poll,
            "passed": told.passed,
            "tested": proof,
            "mailboxes": [asdict(each) for each in listed_mailboxes(trial)],
            "afterwards": for_script(effective_settings(), offered),
            "isGmail": is_gmail(host, offered),
        }
    )


def _counted_mailbox(form: MailAccountForm) -> str:
    """Return the mailbox whose messages are counted: the first of those to be archived."""
    named = form.cleaned_data.get("mailbox_choice") == MailboxChoice.NAMED
    return (
        next(iter(form.cleaned_data.get("mailboxes") or []), POP3_MAILBOX)
        if named
        else POP3_MAILBOX
    )


def _problems(form: MailAccountForm) -> list[tuple[str, str]]:
    return [
        (str(form.fields[name].label) if name in form.fields else "", " ".join(map(str, errors)))
        for name, errors in form.errors.items()
    ]


def _tell_step(step: Mapping[str, Any]) -> ToldStep:
    outcome = str(step["outcome"])
    said = sentence(step.get("code", ""), step.get("params", {}))
    return ToldStep(
        name=str(STEP_NAMES.get(step["name"], step["name"])),
        outcome=str(OUTCOMES.get(outcome, outcome)),
        passed=outcome == "passed",
        failed=outcome == "failed",
        said=said or _facts(str(step["name"]), step.get("facts", {})),
    )


def _facts(step: str, facts: Mapping[str, Any]) -> str:
    """Return what a passed step found out, as a sentence; "" if there is nothing to tell."""
    if step == "tls" and "subject" in facts:
        expires_at = datetime.fromisoformat(facts["expires_at"])
        return _("Certificate of %(name)s by %(issuer)s, valid until %(date)s; %(version)s.") % {
            "name": facts["subject"],
            "issuer": facts["issuer"],
            "date": date_format(localtime(expires_at), "DATE_FORMAT"),
            "version": facts["version"],
        }
    if step == "capabilities" and facts.get("offered"):
        return ", ".join(facts["offered"])
    if step == "mailboxes" and "count" in facts:
        told = ngettext("%(number)d mailbox.", "%(number)d mailboxes.", facts["count"])
        return told % {"number": facts["count"]}
    if step == "messages" and "messages" in facts:
        return _messages(facts)
    return ""


def _messages(facts: Mapping[str, Any]) -> str:
    told = ngettext(
        "%(number)d message in %(mailbox)s",
        "%(number)d messages in %(mailbox)s",
        facts["messages"],
    ) % {"number": facts["messages"], "mailbox": facts["mailbox"]}
    if facts["unread"] is None:
        return f"{told}."
    return _("%(messages)s, %(unread)d of them unread.") % {
        "messages": told,
        "unread": facts["unread"],
    }
