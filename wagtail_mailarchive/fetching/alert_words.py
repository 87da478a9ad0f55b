"""What is said of each kind of alert, on the dashboard and by mail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from ..models.run import sentence

Facts = Mapping[str, Any]


class Kind(StrEnum):
    """What is the matter."""

    HELD = "held"  # no fetch is tried until somebody acts
    FAILING = "failing"  # three fetches in a row
    SILENT = "silent"  # no success for a day
    SIGN_IN = "sign_in"  # the provider's sign-in ends soon
    CERTIFICATE = "certificate"  # the server's certificate ends soon
    BACKLOG = "backlog"  # more mail comes than is fetched
    DIFFERENCES = "differences"  # between server and ledger, at the last reconciliation
    UNCOMPARED = "uncompared"  # no reconciliation came to its end for three weeks


# Most urgent first; one of them stands at a time.
TROUBLES = (Kind.HELD, Kind.FAILING, Kind.SILENT)


def sentence_of(kind: Kind, facts: Facts) -> str:
    """Return what is the matter and what to do, in the active language and zone."""
    if kind == Kind.HELD:
        told = gettext("Nothing is fetched any more until somebody acts.")
        return _because(told, facts)
    if kind == Kind.FAILING:
        told = ngettext(
            "The last %(number)d fetch failed.",
            "The last %(number)d fetches failed.",
            facts["number"],
        )
        return _because(told % {"number": facts["number"]}, facts)
    if kind == Kind.SILENT:
        return gettext(
            "No fetch has succeeded since %(time)s. See whether a worker is running and what the "
            "last fetches say."
        ) % {"time": date_format(_local(facts["last"]), "DATETIME_FORMAT")}
    if kind == Kind.SIGN_IN:
        return gettext("The sign-in at the provider ends on %(day)s. Sign in again before.") % {
            "day": _day(facts["ends"])
        }
    if kind == Kind.CERTIFICATE:
        return gettext(
            "The certificate of %(host)s ends on %(day)s. Ask its operator to renew it; no mail is "
            "fetched with one that has ended."
        ) % {"host": facts["host"], "day": _day(facts["ends"])}
    if kind == Kind.DIFFERENCES:
        told = ngettext(
            "Server and ledger were compared and differ at %(number)d place. Fetch new mail, then "
            "compare them again.",
            "Server and ledger were compared and differ at %(number)d places. Fetch new mail, then "
            "compare them again.",
            facts["number"],
        )
        return told % {"number": facts["number"]}
    if kind == Kind.UNCOMPARED:
        return gettext(
            "Server and ledger have not been compared completely since %(day)s. Compare them, and "
            "see what keeps it from its end."
        ) % {"day": _day(facts["last"])}
    told = ngettext(
        "More mail comes than is fetched: %(number)d message waits on the server. "
        "Raise the limit of messages a fetch, or fetch more often.",
        "More mail comes than is fetched: %(number)d messages wait on the server. "
        "Raise the limit of messages a fetch, or fetch more often.",
        facts["waiting"],
    )
    return told % {"number": facts["waiting"]}


def recovery_of(kind: Kind) -> str:
    """Return what is well again, in the active language."""
    if kind in TROUBLES:
        return gettext("New mail is fetched again.")
    if kind == Kind.SIGN_IN:
        return gettext("The sign-in at the provider does not end soon any more.")
    if kind == Kind.CERTIFICATE:
        return gettext("The certificate of the mail server does not end soon any more.")
    if kind == Kind.DIFFERENCES:
        return gettext(
            "Between server and ledger there is no difference any more that has to be mended."
        )
    if kind == Kind.UNCOMPARED:
        return gettext("Server and ledger were compared completely again.")
    return gettext("The mail that waits on the server becomes less again.")


def step_of(kind: Kind) -> str:
    """Return what the way to the account's form is called."""
    if kind == Kind.SIGN_IN:
        return gettext("Sign in again")
    if kind in (Kind.DIFFERENCES, Kind.UNCOMPARED):
        return gettext("Compare server and ledger")
    return gettext("Open the mail account")


def _because(told: str, facts: Facts) -> str:
    reason = sentence(facts.get("code", ""), facts.get("params", {}))
    return f"{told} {reason}".rstrip()


def _day(iso: str) -> str:
    return date_format(_local(iso), "DATE_FORMAT")


def _local(iso: str) -> datetime:
    return timezone.localtime(datetime.fromisoformat(iso))
