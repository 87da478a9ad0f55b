"""DKIM signatures are verified with keys out of a DNS that the test plays."""

from __future__ import annotations

import itertools
from base64 import b64encode
from collections.abc import Iterator
from io import StringIO

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.management import CommandError, call_command
from django.test import override_settings

from tests import factories, settings
from wagtail_mailarchive.archive import dkim, dkim_keys
from wagtail_mailarchive.archive.dkim_keys import NoAnswer, Remembering
from wagtail_mailarchive.fetching import upkeep_requests, upkeep_work
from wagtail_mailarchive.fetching.upkeep import work_on
from wagtail_mailarchive.fetching.upkeep_progress import progress
from wagtail_mailarchive.mime.dkim.process import DkimProcess
from wagtail_mailarchive.models import (
    DkimSignature,
    DkimVerdict,
    EmailMessagePage,
    UpkeepKind,
    UpkeepRun,
    UpkeepStatus,
)

pytestmark = pytest.mark.django_db

NAME = "s1._domainkey.example.org"


@pytest.fixture(scope="module")
def keys() -> tuple[bytes, str]:
    """A private key as PEM, and the TXT record of the public one."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, f"v=DKIM1; k=rsa; p={b64encode(public).decode()}"


@pytest.fixture(scope="module")
def process() -> Iterator[DkimProcess]:
    with DkimProcess() as process:
        yield process


def signed(private: bytes, body: str = "Hello\n", **options: object) -> bytes:
    raw = factories.raw(body=body).replace(b"\n", b"\r\n")
    return bytes(dkimpy.sign(raw, b"s1", b"example.org", private, **options)) + raw


def found(
    process: DkimProcess, records: dict[str, str | None], *raws: bytes
) -> list[tuple[DkimVerdict, str]]:
    def look_up(name: str) -> str | None:
        if name not in records:
            raise NoAnswer
        return records[name]

    messages = factories.archive(factories.folder(), *raws)
    wanted = dkim.to_check([each.pk for each in messages])
    checked, last = dkim.check(wanted, process, look_up, seconds=60)
    assert last is None
    dkim.write(checked)
    return [(each.verdict, each.key) for each in checked]


def test_a_signature_is_valid_for_its_key_and_no_other(
    process: DkimProcess, keys: tuple[bytes, str]
) -> None:
    private, record = keys
    raw = signed(private)
    changed = raw.replace(b"Hello", b"Bello")
    forged = raw.replace(b"Subject: Subject", b"Subject: Forged!")
    assert found(process, {NAME: record}, raw, changed, forged) == [
        (DkimVerdict.PASS, record),
        (DkimVerdict.FAIL, record),
        (DkimVerdict.FAIL, record),
    ]


def test_what_cannot_be_said_is_said_so(process: DkimProcess, keys: tuple[bytes, str]) -> None:
    private, record = keys

    def of(records: dict[str, str | None], old: bytes = b"", new: bytes = b"") -> DkimVerdict:
        raw = signed(private, f"{len(records)} {old!r} {next(number)}\n")
        ((verdict, key),) = found(process, records, raw.replace(old, new) if old else raw)
        assert key == (record if verdict is DkimVerdict.EXPIRED else key)
        return verdict

    number = itertools.count()
    assert of({}) is DkimVerdict.NO_ANSWER
    assert of({NAME: None}) is DkimVerdict.NO_KEY
    assert of({NAME: "v=DKIM1; p="}) is DkimVerdict.NO_KEY
    assert of({NAME: "nonsense"}) in (DkimVerdict.FAIL, DkimVerdict.UNREADABLE)
    assert of({}, b"d=example.org", b"d=exa/mple") is DkimVerdict.UNREADABLE
    assert of({NAME: record}, b"s=s1;", b"s=s1; x=1000000000;") is DkimVerdict.EXPIRED


def test_a_signature_of_the_beginning_says_that(
    process: DkimProcess, keys: tuple[bytes, str]
) -> None:
    private, record = keys
    raw = signed(private, length=True) + b"Something that somebody added.\r\n"
    assert found(process, {NAME: record}, raw) == [(DkimVerdict.PARTIAL, record)]


def test_what_was_found_stays_and_only_the_unanswered_is_asked_again(
    process: DkimProcess, keys: tuple[bytes, str]
) -> None:
    private, record = keys
    first, second = signed(private), signed(private, "Other\n")
    assert found(process, {NAME: record}, first) == [(DkimVerdict.PASS, record)]
    found(process, {}, second)
    every = [page.pk for page in EmailMessagePage.objects.all()]
    (left,) = dkim.to_check(every)
    checked, _last = dkim.check([left], process, lambda name: record, seconds=60)
    dkim.write(checked)
    verdicts = DkimSignature.objects.values_list("verdict", flat=True)
    assert set(verdicts) == {DkimVerdict.PASS}


def test_unsigned_mail_asks_nobody(process: DkimProcess) -> None:
    assert found(process, {}, factories.raw()) == []


def test_each_key_is_asked_for_once() -> None:
    asked: list[str] = []

    def look_up(name: str) -> str | None:
        asked.append(name)
        return None

    remembering = Remembering(look_up)
    assert [remembering(name) for name in ("a", "b", "a")] == [None] * 3
    assert asked == ["a", "b"]


def test_who_does_not_answer_is_asked_once() -> None:
    asked: list[str] = []

    def look_up(name: str) -> str | None:
        asked.append(name)
        raise NoAnswer

    remembering = Remembering(look_up)
    for name in ("a", "a", "b"):
        with pytest.raises(NoAnswer):
            remembering(name)
    assert asked == ["a", "b"]


def test_slow_answers_end_a_batch_and_not_the_work(
    keys: tuple[bytes, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each message takes as long as a batch may, and so is a batch of its own."""
    monkeypatch.setattr(upkeep_work, "_SIGNED_SECONDS", -1.0)
    monkeypatch.setattr(upkeep_work, "Remembering", lambda: Remembering(lambda name: None))
    pages = factories.archive(factories.folder(), *(signed(keys[0], f"{n}\n") for n in range(3)))
    positions: list[tuple[int, int]] = []
    said = override_settings(
        WAGTAIL_MAILARCHIVE={**settings.WAGTAIL_MAILARCHIVE, "DKIM_LOOKUPS": True}
    )
    with said:
        run = requested()
        assert run is not None
        work_on(run.pk, after_batch=lambda run: positions.append((run.position, run.done)))
    assert positions == [(page.pk, number) for number, page in enumerate(pages, 1)]
    assert DkimSignature.objects.filter(verdict=DkimVerdict.NO_KEY).count() == 3


@pytest.fixture
def dns(keys: tuple[bytes, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def remembering() -> Remembering:
        return Remembering(lambda name: keys[1] if name == NAME else None)

    monkeypatch.setattr(upkeep_work, "Remembering", remembering)


def requested() -> UpkeepRun | None:
    upkeep_requests.request_dkim()
    return UpkeepRun.objects.filter(kind=UpkeepKind.DKIM, status=UpkeepStatus.QUEUED).first()


@pytest.mark.usefixtures("dns")
def test_new_mail_is_checked_by_itself_where_the_site_allows_it(keys: tuple[bytes, str]) -> None:
    folder = factories.folder()
    factories.archive(folder, signed(keys[0]), factories.raw())
    assert requested() is None
    allowed = {**settings.WAGTAIL_MAILARCHIVE, "DKIM_LOOKUPS": True}
    with override_settings(WAGTAIL_MAILARCHIVE=allowed):
        first = requested()
        assert first is not None
        work_on(first.pk)
        first.refresh_from_db()
        assert progress([first])[0]["sentence"] == "Done: 2 messages looked at."
        assert requested() is None
        factories.archive(folder, signed(keys[0], "Later\n"))
        second = requested()
        assert second is not None
        work_on(second.pk)
        second.refresh_from_db()
    assert (second.total, second.done) == (1, 1)
    assert DkimSignature.objects.filter(verdict=DkimVerdict.PASS).count() == 2


@pytest.mark.usefixtures("dns")
def test_the_command_asks_only_if_told_to(keys: tuple[bytes, str]) -> None:
    factories.archive(factories.folder(), signed(keys[0]))
    with pytest.raises(CommandError, match="--ask-the-dns"):
        call_command("mailarchive_dkim")
    said = StringIO()
    call_command("mailarchive_dkim", "--ask-the-dns", stdout=said, stderr=StringIO())
    assert said.getvalue() == "1 messages looked at, 0 signatures could not be checked.\n"


def test_the_dns_is_asked_with_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    import dns.resolver

    def no_server(*args: object, **options: object) -> None:
        assert options["lifetime"]
        raise dns.resolver.NoNameservers

    monkeypatch.setattr(dns.resolver, "resolve", no_server)
    with pytest.raises(NoAnswer):
        dkim_keys.look_up(NAME)
