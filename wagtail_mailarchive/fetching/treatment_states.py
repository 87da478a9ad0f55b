"""What is told of archived mail that is still on the server as it was, although it is not to be."""

from __future__ import annotations

from django.utils.translation import gettext, ngettext

from ..models import AccountHealth, FetchRun, MailAccount
from ..models.run import sentence
from .states import Reader, State, Tone, for_managers


def not_treated(account: MailAccount, health: AccountHealth, reader: Reader) -> State:
    """Tell why archived mail is not marked, moved or deleted as the account says."""
    told = gettext("After the fetch of %(account)s: %(reason)s") % {
        "account": account.name,
        "reason": health.not_treated_because,
    }
    step = gettext("Open the mail account")
    return for_managers(State(Tone.WARNING, told), account, reader, step)


def left_after_anomaly(run: FetchRun) -> State:
    """Tell why a fetch that went well changed nothing on the server."""
    told = gettext(
        "In the last fetch of %(account)s something was not as it should be, so archived mail was "
        "left as it is on the server: %(reason)s"
    ) % {"account": run.account_name, "reason": sentence(run.anomaly_code, run.anomaly_params)}
    return State(Tone.WARNING, told, at=run.finished_at)


def not_proven(run: FetchRun) -> State:
    """Tell of what stays on the server: it is not what is kept here, or nobody knows."""
    told = ngettext(
        "%(number)d message of %(account)s was left on the server, because it is not proven that "
        "it could go. The ledger says why.",
        "%(number)d messages of %(account)s were left on the server, because it is not proven that "
        "they could go. The ledger says why of each.",
        run.not_proven,
    ) % {"number": run.not_proven, "account": run.account_name}
    return State(Tone.WARNING, told, at=run.finished_at)
