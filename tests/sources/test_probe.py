"""A connection test tells each step, stops at the first that fails, and ends in time."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import replace

import pytest

from tests.servers.certificates import Authority
from tests.servers.dovecot import Dovecot
from tests.servers.scripted import ScriptedServer, Talk
from wagtail_mailarchive.exceptions import (
    CertificateUntrusted,
    ConnectionRefused,
    ConnectionTimedOut,
    HostNotAllowed,
    HostNotFound,
    LoginRejected,
    MailboxNotFound,
    PlaintextNotAllowed,
    SourceError,
    StartTLSUnavailable,
)
from wagtail_mailarchive.sources.base import Endpoint, Reach, RemoteMailbox, Security, SpecialUse
from wagtail_mailarchive.sources.probe import STEPS, Probe, StepOutcome, probe

P, F, S = StepOutcome.PASSED, StepOutcome.FAILED, StepOutcome.SKIPPED


def outcomes(found: Probe) -> list[StepOutcome]:
    assert [step.name for step in found.steps] == list(STEPS)
    return [step.outcome for step in found.steps]


def failure(found: Probe) -> tuple[str, type[SourceError]]:
    (failed,) = [step for step in found.steps if step.outcome is F]
    assert failed.error is not None
    assert not found.passed
    return failed.name, type(failed.error)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("security", list(Security))
def test_each_step_tells_what_it_learnt(
    dovecot: Dovecot, mail_user: str, protocol: str, security: Security
) -> None:
    dovecot.create_mailbox(mail_user, "Papierkorb")
    dovecot.create_mailbox(mail_user, "Junk")
    dovecot.deliver(mail_user, b"Subject: a\r\n\r\n")
    dovecot.deliver(mail_user, b"Subject: b\r\n\r\n", flags="S")
    found = probe(dovecot.endpoint(mail_user, security, protocol=protocol), protocol)
    assert found.passed
    assert outcomes(found) == [P, P, S if security is Security.PLAIN else P, P, P, P, P]
    facts = {step.name: step.facts for step in found.steps}
    json.dumps(facts)
    if security is not Security.PLAIN:
        assert facts["tls"]["subject"] == "localhost"
        assert facts["tls"]["issuer"] == "Tests of wagtail_mailarchive"
        assert str(facts["tls"]["expires_at"]).endswith("+00:00")
        assert facts["tls"]["version"] == "TLSv1.3"
    offered = facts["capabilities"]["offered"]
    assert isinstance(offered, list)
    if protocol == "imap":
        assert {"UIDPLUS", "MOVE", "IDLE", "SPECIAL-USE"} <= set(offered)
        assert facts["mailboxes"] == {"count": 3}
        assert RemoteMailbox("Junk", SpecialUse.JUNK) in found.mailboxes
        assert facts["messages"] == {"mailbox": "INBOX", "messages": 2, "unread": 1}
    else:
        assert {"UIDL", "TOP", "PIPELINING"} <= set(offered)
        assert found.mailboxes == [RemoteMailbox("INBOX")]
        assert facts["messages"] == {"mailbox": "INBOX", "messages": 2, "unread": None}


def test_a_host_that_does_not_exist() -> None:
    def lookup(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    endpoint = Endpoint("nowhere.invalid", 993, Security.TLS, "reader", "unsent")
    found = probe(endpoint, "imap", lookup=lookup)  # type: ignore[arg-type]
    assert failure(found) == ("resolve", HostNotFound)
    assert outcomes(found) == [F, S, S, S, S, S, S]
    assert list(found.mailboxes) == []


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_refused_targets_look_alike_whatever_listens_there(dovecot: Dovecot, protocol: str) -> None:
    """Else the test would tell what runs in the site's own network."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()[1]
    told = set()
    for port in (dovecot.imap, dovecot.pop3s, nobody):
        for reach in (Reach(allowed_ports=frozenset({port})), Reach()):
            endpoint = Endpoint("localhost", port, Security.TLS, "reader", "unsent", reach)
            found = probe(endpoint, protocol)
            assert failure(found) == ("resolve", HostNotAllowed)
            error = found.steps[0].error
            assert error is not None
            told.add(str(error).replace(str(port), "PORT"))
    assert len(told) == 1


def test_a_port_that_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    reach = Reach(allowed_hosts=frozenset({"localhost"}), allowed_ports=frozenset({port}))
    endpoint = Endpoint("localhost", port, Security.TLS, "reader", "unsent", reach)
    found = probe(endpoint, "imap")
    assert failure(found) == ("connect", ConnectionRefused)
    assert outcomes(found) == [P, F, S, S, S, S, S]


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_certificate_nobody_knows(
    dovecot: Dovecot, mail_user: str, protocol: str, security: Security
) -> None:
    endpoint = dovecot.endpoint(
        mail_user, security, protocol=protocol, ca_certificate=Authority().certificate
    )
    assert failure(probe(endpoint, protocol)) == ("tls", CertificateUntrusted)


def test_a_server_without_starttls() -> None:
    def script(talk: Talk) -> None:
        talk.greet()
        talk.await_end()

    with ScriptedServer(script) as server:
        found = probe(server.endpoint(Security.STARTTLS), "imap")
    assert failure(found) == ("tls", StartTLSUnavailable)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("security", list(Security))
def test_a_wrong_password(
    dovecot: Dovecot, mail_user: str, protocol: str, security: Security
) -> None:
    endpoint = dovecot.endpoint(mail_user, security, protocol=protocol, secret="wrong")
    found = probe(endpoint, protocol)
    assert failure(found) == ("login", LoginRejected)
    assert outcomes(found) == [P, P, S if security is Security.PLAIN else P, F, S, S, S]


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_mailbox_that_is_not_there(dovecot: Dovecot, mail_user: str, protocol: str) -> None:
    found = probe(dovecot.endpoint(mail_user, protocol=protocol), protocol, mailbox="Nirgends")
    assert failure(found) == ("messages", MailboxNotFound)
    assert RemoteMailbox("INBOX") in found.mailboxes


def test_plaintext_where_the_site_forbids_it(dovecot: Dovecot, mail_user: str) -> None:
    good = dovecot.endpoint(mail_user, Security.PLAIN)
    endpoint = replace(good, reach=replace(good.reach, allow_plaintext=False))
    assert failure(probe(endpoint, "imap")) == ("resolve", PlaintextNotAllowed)


def test_all_steps_together_have_one_deadline() -> None:
    """Each step alone would be in time."""

    def script(talk: Talk) -> None:
        time.sleep(0.7)
        talk.log_in()
        time.sleep(0.7)
        talk.answer(b"LIST", b'LIST () "/" INBOX')
        talk.await_end()

    with ScriptedServer(script) as server:
        began = time.monotonic()
        found = probe(server.endpoint(), "imap", seconds=3)
        assert time.monotonic() - began < 10
    assert failure(found) == ("messages", ConnectionTimedOut)
