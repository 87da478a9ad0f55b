"""Upkeep goes on in as many tasks as it takes, whoever dies, and once a day by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests import factories
from wagtail_mailarchive import tasks
from wagtail_mailarchive.archive import chain, problems, sampling, verify
from wagtail_mailarchive.archive.problems import Found
from wagtail_mailarchive.exceptions import OriginalDamaged, ParserFailed, StorageError
from wagtail_mailarchive.fetching import held_run, integrity_alarm, upkeep_requests, upkeep_work
from wagtail_mailarchive.fetching.upkeep import Verdict, work_on
from wagtail_mailarchive.fetching.upkeep_requests import open_run, request, stop
from wagtail_mailarchive.mime import VERSION
from wagtail_mailarchive.models import (
    ChainEntry,
    EmailFolderPage,
    EmailMessagePage,
    IntegrityProblem,
    LedgerEntry,
    OriginalChunk,
    Outcome,
    UpkeepKind,
    UpkeepRun,
    UpkeepStatus,
)

from ..archive.test_writer import incoming, writer_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_ORIGINALS", "_LINKS", "_MESSAGES"):
        monkeypatch.setattr(verify, name, 2)
    monkeypatch.setattr(upkeep_work, "_TOGETHER", 2)


def verifying(folder: EmailFolderPage | None = None) -> UpkeepRun:
    return open_run(UpkeepKind.VERIFY, folder)[0]


def damage(number: int = 1) -> None:
    chosen = OriginalChunk.objects.order_by("pk").values_list("pk", flat=True)[:number]
    OriginalChunk.objects.filter(pk__in=list(chosen)).update(data=b"changed", deflated=False)


def age(run: UpkeepRun, **ago: timedelta) -> None:
    UpkeepRun.objects.filter(pk=run.pk).update(
        **{name: timezone.now() - each for name, each in ago.items()}
    )


def test_a_check_goes_on_where_the_last_task_ended_and_looks_at_all_once(
    folder: EmailFolderPage, small_batches: None
) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    factories.archive(factories.folder(), factories.raw())
    run = verifying()
    verdicts = []
    while (verdict := work_on(run.pk, seconds=0)) is Verdict.CONTINUES:
        run.refresh_from_db()
        assert run.status == UpkeepStatus.QUEUED
        verdicts.append(verdict)
    run.refresh_from_db()
    assert len(verdicts) == 11  # three batches each of originals, links, messages; two folders
    assert (run.status, run.done, run.problems) == (UpkeepStatus.DONE, run.total, 0)
    assert run.total == 6 + 6 + 6 + 2
    assert run.bytes_read == sum(EmailMessagePage.objects.values_list("size", flat=True))
    assert work_on(run.pk) is Verdict.FINISHED


@pytest.mark.parametrize("scope", ["all", "folder"])
def test_a_check_dying_at_any_batch_is_taken_up_by_the_next_worker(
    folder: EmailFolderPage, small_batches: None, scope: str
) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    damage(2)
    run = verifying(folder if scope == "folder" else None)
    deaths = 0
    while True:

        def die(run: UpkeepRun) -> None:
            raise SystemExit

        try:
            verdict = work_on(run.pk, after_batch=die)
        except SystemExit:
            deaths += 1
            continue
        assert verdict is Verdict.FINISHED
        break
    run.refresh_from_db()
    assert deaths > 5
    assert (run.status, run.done, run.problems) == (UpkeepStatus.DONE, run.total, 2)
    assert IntegrityProblem.objects.count() == 2


def test_a_killed_worker_s_run_is_queued_again_and_a_living_one_s_is_not(
    folder: EmailFolderPage,
) -> None:
    factories.archive(folder, factories.raw())
    run = verifying()
    UpkeepRun.objects.filter(pk=run.pk).update(
        status=UpkeepStatus.RUNNING, worked_at=timezone.now(), started_at=timezone.now()
    )
    with override_settings(WAGTAIL_MAILARCHIVE={"VERIFY_SAMPLE": 0}):
        upkeep_requests.dispatch()
        assert work_on(run.pk) is Verdict.BUSY
        age(run, worked_at=timedelta(minutes=11))
        for _ in range(2):
            with transaction.atomic():
                upkeep_requests.dispatch()
    run.refresh_from_db()
    assert run.status == UpkeepStatus.QUEUED
    assert work_on(run.pk) is Verdict.FINISHED


def test_who_wakes_up_after_another_took_over_moves_nothing(
    folder: EmailFolderPage, small_batches: None
) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    run = verifying()
    taken = False

    def take_over(mine: UpkeepRun) -> None:
        nonlocal taken
        if taken:
            return
        taken = True
        age(run, worked_at=timedelta(minutes=11))
        assert work_on(run.pk) is Verdict.FINISHED

    assert work_on(run.pk, after_batch=take_over) is Verdict.BUSY
    run.refresh_from_db()
    assert (run.status, run.done) == (UpkeepStatus.DONE, run.total)


def test_stopping_ends_after_the_batch_under_way_and_at_once_in_the_queue(
    folder: EmailFolderPage, small_batches: None
) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    run = verifying()
    assert work_on(run.pk, after_batch=stop) is Verdict.FINISHED
    run.refresh_from_db()
    assert run.status == UpkeepStatus.STOPPED
    assert 0 < run.done < run.total
    waiting = verifying()
    assert waiting.pk != run.pk
    stop(waiting)
    waiting.refresh_from_db()
    assert waiting.status == UpkeepStatus.STOPPED


def test_one_run_of_a_kind_at_a_time_for_each_folder_and_for_all(folder: EmailFolderPage) -> None:
    for scope in (folder, None):
        first, is_new = open_run(UpkeepKind.VERIFY, scope)
        assert is_new
        assert open_run(UpkeepKind.VERIFY, scope) == (first, False)
        with pytest.raises(IntegrityError), transaction.atomic():
            UpkeepRun.objects.create(kind=UpkeepKind.VERIFY, folder=scope)
    assert open_run(UpkeepKind.REPROCESS, folder)[1]


def test_a_store_that_does_not_answer_fails_the_run_and_accuses_no_original(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.archive(folder, factories.raw())

    def broken(original: object) -> None:
        raise StorageError(store="mail")

    monkeypatch.setattr("wagtail_mailarchive.archive.originals.verify", broken)
    run = verifying()
    assert work_on(run.pk) is Verdict.FINISHED
    run.refresh_from_db()
    assert (run.status, run.error_code) == (UpkeepStatus.FAILED, "StorageError")
    assert [each.subject for each in IntegrityProblem.objects.all()] == ["check verify"]


@pytest.mark.parametrize("scope", ["all", "folder"])
def test_a_check_that_failed_goes_on_where_it_failed(
    folder: EmailFolderPage, small_batches: None, monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    chosen = folder if scope == "folder" else None
    looked_at: list[str] = []
    failing = iter([False, False, True, False, True])
    real = verify.next_batch

    def at_times(*arguments: Any) -> Any:
        if next(failing, False):
            raise StorageError(store="mail")
        batch = real(*arguments)
        looked_at.extend(batch.subjects if batch else [])
        return batch

    monkeypatch.setattr(verify, "next_batch", at_times)
    runs = []
    for _ in range(3):
        run, is_new = open_run(UpkeepKind.VERIFY, chosen)
        assert is_new
        work_on(run.pk)
        run.refresh_from_db()
        runs.append(run)
    assert [run.status for run in runs] == [
        UpkeepStatus.FAILED,
        UpkeepStatus.FAILED,
        UpkeepStatus.DONE,
    ]
    assert runs[-1].done == runs[-1].total == 16
    assert len(looked_at) == len(set(looked_at)) == 15
    # The next one is a check of its own.
    assert open_run(UpkeepKind.VERIFY, chosen)[0].position == 0


@pytest.mark.parametrize("why", ["long ago", "too many problems", "stopped", "another folder"])
def test_a_check_begins_anew_where_going_on_would_prove_little(
    folder: EmailFolderPage, why: str
) -> None:
    run = UpkeepRun.objects.create(
        kind=UpkeepKind.VERIFY,
        folder=factories.folder() if why == "another folder" else folder,
        status=UpkeepStatus.STOPPED if why == "stopped" else UpkeepStatus.FAILED,
        error_code="TooManyProblems" if why == "too many problems" else "StorageError",
        position=1,
    )
    age(run, finished_at=timedelta(hours=25 if why == "long ago" else 1))
    assert open_run(UpkeepKind.VERIFY, folder)[0].position == 0


@pytest.mark.parametrize(("room", "name"), [(verify, "next_batch"), (problems, "settle")])
def test_what_nobody_foresaw_is_noted_and_raised_within_a_batch_as_well(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch, room: Any, name: str
) -> None:
    factories.archive(folder, factories.raw())
    monkeypatch.setattr(room, name, lambda *arguments: 1 / 0)
    run = verifying()
    with pytest.raises(ZeroDivisionError):
        work_on(run.pk)
    run.refresh_from_db()
    assert (run.status, run.error_code) == (UpkeepStatus.FAILED, "UnexpectedUpkeepError")


def test_a_check_that_finds_nothing_but_problems_ends_early(
    folder: EmailFolderPage, small_batches: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_run, "MOST_PROBLEMS", 3)
    factories.archive(folder, *(factories.raw() for _ in range(9)))
    damage(9)
    run = verifying()
    work_on(run.pk)
    run.refresh_from_db()
    assert (run.status, run.error_code) == (UpkeepStatus.FAILED, "TooManyProblems")
    assert IntegrityProblem.objects.filter(subject__startswith="original ").count() == 4


# -- reading again ---------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["all", "folder"])
def test_messages_of_an_older_parser_are_read_again_in_portions(
    folder: EmailFolderPage, small_batches: None, scope: str
) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    factories.archive(factories.folder(), factories.raw())
    old = EmailMessagePage.objects.filter(folder=folder)
    old.update(parsed_by=0, subject="as an older parser read it")
    run, _ = open_run(UpkeepKind.REPROCESS, folder if scope == "folder" else None)
    assert work_on(run.pk, seconds=0) is Verdict.CONTINUES
    assert old.filter(parsed_by=VERSION).count() == 2
    assert work_on(run.pk) is Verdict.FINISHED
    run.refresh_from_db()
    assert (run.status, run.done, run.total) == (UpkeepStatus.DONE, 5, 5)
    assert set(old.values_list("subject", "parsed_by")) == {("Subject", VERSION)}


def test_all_are_read_again_where_that_is_asked_for(folder: EmailFolderPage) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(3)))
    run, _ = open_run(UpkeepKind.REPROCESS, folder, is_complete=True)
    work_on(run.pk)
    run.refresh_from_db()
    assert (run.done, run.problems) == (3, 0)


def test_quarantined_mail_of_a_folder_is_retried(
    folder: EmailFolderPage, small_batches: None
) -> None:
    other = factories.folder()
    for each in (folder, other):
        writer_for(each).write([incoming(factories.raw(), ParserFailed()) for _ in range(3)])
    run, _ = open_run(UpkeepKind.RETRY, folder)
    work_on(run.pk)
    run.refresh_from_db()
    assert (run.status, run.done, run.problems) == (UpkeepStatus.DONE, 3, 0)
    assert EmailMessagePage.objects.filter(folder=folder).count() == 3
    left = LedgerEntry.objects.filter(outcome=Outcome.QUARANTINED)
    assert set(left.values_list("mailbox__folder", flat=True)) == {other.pk}


# -- each day --------------------------------------------------------------------------------


def in_worker(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Let transactions tell at once what they queue; return what was queued."""
    given: list[tuple[Any, ...]] = []
    for module in (upkeep_requests, integrity_alarm):
        monkeypatch.setattr(module, "async_task", lambda *arguments: given.append(arguments))
    return given


def test_a_sample_is_checked_once_a_day_however_many_workers_dispatch(
    folder: EmailFolderPage,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    given = in_worker(monkeypatch)
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    damage(5)
    with (
        override_settings(WAGTAIL_MAILARCHIVE={"VERIFY_SAMPLE": 2}),
        django_capture_on_commit_callbacks(execute=True),
    ):
        upkeep_requests.dispatch()
        upkeep_requests.dispatch()
    [run] = UpkeepRun.objects.all()
    assert given == [(upkeep_requests.RUN, run.pk)]
    assert tasks.run_upkeep(run.pk) == "finished"
    run.refresh_from_db()
    assert (run.kind, run.status, run.problems) == (UpkeepKind.SAMPLE, UpkeepStatus.DONE, 2)
    with override_settings(WAGTAIL_MAILARCHIVE={"VERIFY_SAMPLE": 2}):
        upkeep_requests.dispatch()
        assert UpkeepRun.objects.count() == 1
        age(run, queued_at=timedelta(hours=25))
        upkeep_requests.dispatch()
    assert UpkeepRun.objects.count() == 2


@pytest.mark.parametrize("dying", [False, True])
def test_a_sample_goes_on_where_the_last_task_ended_and_ends(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch, dying: bool
) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(9)))
    damage(9)
    monkeypatch.setattr(sampling, "_TOGETHER", 2)
    run, _ = open_run(UpkeepKind.SAMPLE, None, number=5)

    def die(run: UpkeepRun) -> None:
        if dying:
            raise SystemExit

    for _ in range(9):
        with suppress(SystemExit):
            assert work_on(run.pk, seconds=0, after_batch=die) is Verdict.CONTINUES
    assert work_on(run.pk, seconds=0) is Verdict.FINISHED
    run.refresh_from_db()
    assert (run.status, run.done, run.total) == (UpkeepStatus.DONE, 15, 15)
    # Five different ones.
    assert run.problems == IntegrityProblem.objects.count() == 5


def test_a_sample_that_another_worker_requested_in_the_same_moment_is_the_only_one(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.archive(folder, factories.raw())
    real = upkeep_requests.open_run

    def slow(kind: UpkeepKind, scope: None, **values: Any) -> tuple[UpkeepRun, bool]:
        # The other one asked, requested and even ended meanwhile.
        UpkeepRun.objects.create(kind=UpkeepKind.SAMPLE, status=UpkeepStatus.DONE)
        return real(kind, scope, **values)

    monkeypatch.setattr(upkeep_requests, "open_run", slow)
    upkeep_requests.dispatch()
    assert UpkeepRun.objects.count() == 1


@pytest.mark.parametrize("number", [0, -1])
def test_no_sample_is_checked_where_the_site_wants_none(
    folder: EmailFolderPage, number: int
) -> None:
    factories.archive(folder, factories.raw())
    with override_settings(WAGTAIL_MAILARCHIVE={"VERIFY_SAMPLE": number}):
        upkeep_requests.dispatch()
    assert not UpkeepRun.objects.exists()


def test_old_runs_are_forgotten_and_dispatching_costs_a_few_queries() -> None:
    run = UpkeepRun.objects.create(kind=UpkeepKind.SAMPLE, status=UpkeepStatus.DONE)
    age(run, queued_at=timedelta(days=91))
    upkeep_requests.dispatch()
    assert not UpkeepRun.objects.exists()
    with CaptureQueriesContext(connection) as queries:
        upkeep_requests.dispatch()
    assert len(queries) <= 8


# -- the alarm -------------------------------------------------------------------------------


def test_administrators_are_told_once_by_mail(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = in_worker(monkeypatch)
    admin = factories.user(is_superuser=True, email="root@example.org")
    factories.user(is_superuser=True)  # has no address
    factories.user(email="reader@example.org")
    factories.archive(folder, factories.raw())
    integrity_alarm.request_sending()
    assert given == []
    damage()
    work_on(verifying().pk)
    integrity_alarm.request_sending()
    assert given == [(integrity_alarm.SEND,)]
    assert tasks.tell_of_integrity() == 1
    [told] = mail.outbox
    assert told.to == [admin.email]
    assert "1 integrity problem" in told.subject
    assert "Restore it from a backup" in str(told.body)
    assert tasks.tell_of_integrity() == 0
    work_on(verifying().pk)
    integrity_alarm.request_sending()
    assert len(given) == len(mail.outbox) == 1


def test_a_mail_server_that_fails_is_tried_again(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.user(is_superuser=True, email="root@example.org")
    IntegrityProblem.objects.create(
        subject="original x", code="OriginalDamaged", params=OriginalDamaged(
            sha256="x", store=""
        ).params,
    )  # fmt: skip

    def fail(message: EmailMessage) -> int:
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr(EmailMessage, "send", fail)
        assert integrity_alarm.send() == 0
    assert integrity_alarm.send() == 1


def test_a_worker_that_dies_while_it_sends_loses_no_alarm(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = in_worker(monkeypatch)
    factories.user(is_superuser=True, email="root@example.org")
    factories.archive(folder, factories.raw())
    damage()
    work_on(verifying().pk)

    def killed(message: EmailMessage) -> int:
        # Nothing is cleaned up after SIGKILL.
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(EmailMessage, "send", killed)
        patched.setattr(cache, "delete", lambda key: None)
        with pytest.raises(SystemExit):
            integrity_alarm.send()
    integrity_alarm.request_sending()
    assert given == [(integrity_alarm.SEND,)]
    # As long as it may be alive, nobody else sends.
    assert integrity_alarm.send() == 0
    cache.delete(integrity_alarm._CLAIM)
    assert integrity_alarm.send() == 1


def test_of_two_workers_one_sends(folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.user(is_superuser=True, email="root@example.org")
    factories.archive(folder, factories.raw())
    damage()
    work_on(verifying().pk)
    sent = []

    def send(message: EmailMessage) -> int:
        sent.append(message)
        problems.note([Found("message 1", None, OriginalDamaged(sha256="x", store=""))])
        assert len(sent) > 1 or integrity_alarm.send() == 0
        return 1

    monkeypatch.setattr(EmailMessage, "send", send)
    assert integrity_alarm.send() == 1
    # What was found meanwhile is not among the told.
    assert [each.subject for each in IntegrityProblem.objects.filter(told_at=None)] == ["message 1"]


def test_a_check_that_fails_is_told_until_one_of_its_kind_is_done(
    folder: EmailFolderPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.user(is_superuser=True, email="root@example.org")
    factories.archive(folder, factories.raw())
    with monkeypatch.context() as patched:

        def broken(original: object) -> None:
            raise StorageError(store="mail")

        patched.setattr("wagtail_mailarchive.archive.originals.verify", broken)
        work_on(verifying().pk)
    assert integrity_alarm.send() == 1
    told = str(mail.outbox[0].body)
    assert "A check could not be done. The store of originals (mail) failed." in told
    # A sample says nothing of the rest.
    work_on(open_run(UpkeepKind.SAMPLE, None, number=5)[0].pk)
    assert IntegrityProblem.objects.get().subject == "check verify"
    work_on(verifying().pk)
    assert not IntegrityProblem.objects.exists()


def test_a_check_forgets_problems_with_what_is_gone(folder: EmailFolderPage) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(3)))
    ChainEntry.objects.filter(number=2).update(digest="0" * 64)
    work_on(verifying().pk)
    assert IntegrityProblem.objects.filter(subject__startswith="chain ").count() == 2
    # The head was cut off.
    ChainEntry.objects.filter(number__gte=2).delete()
    work_on(verifying().pk)
    assert set(IntegrityProblem.objects.values_list("code", flat=True)) == {"NotInChain"}


# -- commands --------------------------------------------------------------------------------


def call(*arguments: str) -> tuple[str, int]:
    """Return what a command printed and its exit status."""
    out = StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=StringIO())
    except SystemExit as end:
        return out.getvalue(), int(str(end.code))
    return out.getvalue(), 0


def test_the_command_prints_what_is_wrong_and_its_status_says_so(folder: EmailFolderPage) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(3)))
    out, status = call("mailarchive_verify")
    assert status == 0
    assert "10 checked, 0 problems found" in out
    assert "MB/s" in out
    damage()
    for arguments in ([], ["--folder", str(folder.pk)], ["--sample", "50"]):
        out, status = call("mailarchive_verify", *arguments)
        assert status == 1
        assert "is not what was archived. Restore it from a backup" in out


def test_the_command_goes_on_after_an_interruption(
    folder: EmailFolderPage, small_batches: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(5)))
    real, asked = verify.next_batch, iter(range(100))

    def interrupted(*arguments: Any) -> Any:
        if next(asked) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(verify, "next_batch", interrupted)
    with pytest.raises(CommandError, match="goes on where it stopped"):
        call("mailarchive_verify")
    assert UpkeepRun.objects.get().done == 4
    assert "16 checked, 0 problems" in call("mailarchive_verify")[0]
    assert UpkeepRun.objects.count() == 1


def test_the_heads_are_printed_as_json_lines(folder: EmailFolderPage) -> None:
    other = factories.folder()
    for each in (folder, other):
        factories.archive(each, factories.raw())
    out, _ = call("mailarchive_verify", "--head")
    told = [json.loads(line) for line in out.splitlines()]
    assert told == [head.as_dict() for head in chain.heads()]
    out, _ = call("mailarchive_verify", "--head", "--folder", str(other.pk))
    assert json.loads(out)["folder"] == other.pk


def test_a_chain_is_printed_and_the_documentation_s_recipe_recomputes_it(
    folder: EmailFolderPage,
    tmp_path: Path,
) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(3)))
    out, _ = call("mailarchive_verify", "--chain", "--folder", str(folder.pk))
    (tmp_path / "chain.jsonl").write_text(out)
    page = Path(__file__).parents[2] / "docs" / "explanation" / "durability.md"
    recipe = page.read_text().split("```python\n# chain.py\n")[1].split("```")[0]
    (tmp_path / "chain.py").write_text(recipe)

    def recompute() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "chain.py"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    [head] = chain.heads()
    assert recompute().stdout == f"{head.number} {head.digest}\n"
    forged = out.replace('"mailbox": "factory"', '"mailbox": "forged"', 1)
    (tmp_path / "chain.jsonl").write_text(forged)
    assert "entry 1 does not follow" in recompute().stderr
    with pytest.raises(CommandError, match="Name the folder"):
        call("mailarchive_verify", "--chain")


@pytest.mark.parametrize("command", ["mailarchive_verify", "mailarchive_reprocess"])
def test_a_folder_that_is_none_is_said_to_be_none(command: str) -> None:
    with pytest.raises(CommandError, match="no email folder of that number"):
        call(command, "--folder", "4711")


def test_reprocessing_by_command(folder: EmailFolderPage) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(3)))
    assert "0 messages read again" in call("mailarchive_reprocess")[0]
    assert "Nothing was interrupted" in call("mailarchive_reprocess", "--resume")[0]
    assert "3 messages read again" in call("mailarchive_reprocess", "--all")[0]
    EmailMessagePage.objects.update(parsed_by=0)
    request(UpkeepKind.REPROCESS, folder)
    out, _ = call("mailarchive_reprocess", "--folder", str(folder.pk), "--resume")
    assert "3 messages read again" in out


def test_what_cannot_be_read_again_is_counted(folder: EmailFolderPage) -> None:
    factories.archive(folder, *(factories.raw() for _ in range(3)))
    damage()
    with pytest.raises(CommandError, match="1 could not be read again"):
        call("mailarchive_reprocess", "--all")
