"""A connection test: the same way in as a fetch takes, told step by step, archiving nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from wagtail_mailarchive.exceptions import SourceError

from . import address
from .base import Endpoint, RemoteMailbox, Security
from .deadline import Deadline, Timeouts
from .open import open_source

STEPS = ("resolve", "connect", "tls", "login", "capabilities", "mailboxes", "messages")
# More than anybody picks from; the answer is kept.
_MOST_MAILBOXES = 2_000

Fact = str | int | list[str] | None


class StepOutcome(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"  # after a failed one, or TLS where none is wanted


@dataclass(frozen=True)
class Step:
    """One step of a connection test.

    Attributes:
        name: one of `STEPS`.
        error: what went wrong, where the outcome is FAILED.
        facts: what was learnt, fit for JSON. tls: subject, issuer, expires_at (ISO 8601),
            version; capabilities: offered; mailboxes: count; messages: mailbox, messages and
            unread, which is null for POP3.
    """

    name: str
    outcome: StepOutcome
    error: SourceError | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True)
class Probe:
    """What a connection test found out.

    Attributes:
        mailboxes: at most 2,000.
    """

    steps: Sequence[Step]
    mailboxes: Sequence[RemoteMailbox]

    @property
    def passed(self) -> bool:
        return not any(step.outcome is StepOutcome.FAILED for step in self.steps)


def probe(
    endpoint: Endpoint,
    protocol: str,
    *,
    mailbox: str = "INBOX",
    seconds: float = 20,
    lookup: address.Lookup | None = None,
) -> Probe:
    """Try to reach and enter `endpoint` and to count what is there.

    Args:
        protocol: "imap" or "pop3".
        mailbox: whose messages are counted.
        seconds: how long all of it may take.
        lookup: answers like `socket.getaddrinfo`.
    """
    passed: dict[str, Mapping[str, Fact]] = {}
    mailboxes: list[RemoteMailbox] = []
    failure: SourceError | None = None

    def observe(step: str, facts: Mapping[str, str]) -> None:
        passed[step] = dict(facts)

    source = open_source(
        endpoint,
        protocol,
        timeouts=Timeouts(connect=seconds, silence=seconds, command=seconds),
        until=Deadline(seconds),
        lookup=lookup,
        observe=observe,
    )
    try:
        with source:
            passed["capabilities"] = {"offered": source.capabilities}
            found = source.list_mailboxes()
            mailboxes = found[:_MOST_MAILBOXES]
            passed["mailboxes"] = {"count": len(found)}
            counts = source.count(mailbox)
            passed["messages"] = {
                "mailbox": mailbox,
                "messages": counts.messages,
                "unread": counts.unread,
            }
    except SourceError as error:
        failure = error
    return Probe(_told(passed, failure, endpoint), mailboxes)


def _told(
    passed: Mapping[str, Mapping[str, Fact]], failure: SourceError | None, endpoint: Endpoint
) -> list[Step]:
    steps = []
    for name in STEPS:
        if name in passed:
            steps.append(Step(name, StepOutcome.PASSED, facts=passed[name]))
        elif failure is None or (name == "tls" and endpoint.security is Security.PLAIN):
            steps.append(Step(name, StepOutcome.SKIPPED))
        else:
            steps.append(Step(name, StepOutcome.FAILED, failure))
            failure = None
    return steps
