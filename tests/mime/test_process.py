"""The parser process: what happens to a message, and to its neighbours, when it goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from wagtail_mailarchive.exceptions import (
    MessageError,
    ParserCrashed,
    ParserFailed,
    ParserTimedOut,
    ParserUnavailable,
)
from wagtail_mailarchive.mime import worker
from wagtail_mailarchive.mime.message import ParsedMessage
from wagtail_mailarchive.mime.process import ParserProcess

# Stands in for our worker: answers like it, but obeys what the Subject says.
OBEDIENT = """
import os, signal, sys, time
from wagtail_mailarchive.mime.parser import parse
sys.stdout.buffer.write(b"!"); sys.stdout.buffer.flush()
while length := sys.stdin.buffer.read(8):
    raw = sys.stdin.buffer.read(int.from_bytes(length, "big"))
    message = parse(raw)
    order = message.subject
    if order == "hang":
        time.sleep(600)
    elif order == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif order == "raise":
        raise LookupError(raw)
    elif order == "grow":
        hoard = bytearray(10 << 40)
    answer = message.to_json().encode()
    if order == "lie":
        answer = answer.replace(b'"start":', b'"start":9')
    elif order == "babble":
        answer = b"{]"
    elif order == "types":
        answer = answer.replace(b'"subject":"types"', b'"subject":["types"]')
    size = len(answer)
    if order == "flood":
        size = 1 << 62
    sys.stdout.buffer.write(size.to_bytes(8, "big") + answer)
    if order == "twice":
        sys.stdout.buffer.write(size.to_bytes(8, "big") + answer)
    sys.stdout.buffer.flush()
"""


def mail(subject: str) -> list[bytes]:
    return [f"Subject: {subject}\n\n".encode(), b"", b"body\n"]


@pytest.fixture
def obedient() -> Iterator[ParserProcess]:
    with ParserProcess(seconds=2, command=[sys.executable, "-c", OBEDIENT]) as process:
        yield process


@pytest.fixture
def process() -> Iterator[ParserProcess]:
    with ParserProcess() as process:
        yield process


def subjects(results: Iterator[ParsedMessage | MessageError]) -> list[str]:
    return [
        result.subject if isinstance(result, ParsedMessage) else result.code for result in results
    ]


def test_a_message_in_pieces_is_parsed_whole(process: ParserProcess) -> None:
    message = process.parse([b"Subj", b"ect: one", b"\n\nbo", b"dy"])

    assert (message.subject, message.text) == ("one", "body")


def test_an_empty_message_is_parsed(process: ParserProcess) -> None:
    assert process.parse([]).subject == ""
    assert process.parse(mail("next")).subject == "next"


def test_results_come_in_order(process: ParserProcess) -> None:
    names = [str(number) for number in range(300)]

    assert subjects(process.parse_many([mail(name) for name in names])) == names


def test_messages_larger_than_every_pipe_do_not_block(process: ParserProcess) -> None:
    text = b"word " * 300_000
    messages = [[b"Subject: %d\n\n" % number, text] for number in range(8)]

    assert subjects(process.parse_many(messages)) == [str(number) for number in range(8)]


@pytest.mark.parametrize(
    ("order", "error"),
    [
        ("hang", ParserTimedOut),
        ("die", ParserCrashed),
        ("grow", ParserFailed),  # the stand-in has no limit of its own and does not catch it
        ("raise", ParserFailed),
        ("babble", ParserCrashed),
        ("types", ParserCrashed),
        ("lie", ParserCrashed),
        ("flood", ParserCrashed),
    ],
)
def test_a_bad_message_never_harms_its_neighbours(
    obedient: ParserProcess, order: str, error: type[MessageError]
) -> None:
    orders = ["one", "two", order, "three", order, "four"]
    results = list(obedient.parse_many([mail(each) for each in orders]))

    failed = error.__name__
    assert subjects(iter(results)) == ["one", "two", failed, "three", failed, "four"]
    with pytest.raises(error):
        obedient.parse(mail(order))
    assert obedient.parse(mail("after")).subject == "after"


def test_answers_nobody_asked_for_are_not_taken_for_the_next_message(
    obedient: ParserProcess,
) -> None:
    assert obedient.parse(mail("twice")).subject == "twice"
    assert obedient.parse(mail("next")).subject == "next"


def test_the_deadline_counts_for_each_message_alone(obedient: ParserProcess) -> None:
    started = time.monotonic()
    with pytest.raises(ParserTimedOut) as caught:
        obedient.parse(mail("hang"))

    assert 1.5 < time.monotonic() - started < 30
    assert caught.value.params == {"seconds": 2}


def test_a_process_killed_while_idle_blames_no_message(process: ParserProcess) -> None:
    assert process.parse(mail("one")).subject == "one"
    pid = child_of(process)
    os.kill(pid, signal.SIGKILL)
    wait_until_gone(pid)

    assert process.parse(mail("two")).subject == "two"


def test_memory_is_limited_and_the_next_message_is_read() -> None:
    # Enough for the interpreter and small mail, not for ten thousand parts.
    with ParserProcess(memory=24 * 1024 * 1024) as process:
        part = b"--b\nContent-Type: a/b\n\nx\n"
        big = [b"Content-Type: multipart/mixed; boundary=b\n\n", part * 10_000]
        results = list(process.parse_many([mail("one"), big, mail("two")]))

    assert subjects(iter(results)) == ["one", "ParserCrashed", "two"]


def test_a_big_message_gets_the_memory_it_needs(process: ParserProcess) -> None:
    line = b"QUJD" * 19 + b"\r\n"
    head = b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n"
    (attachment,) = process.parse([head, line * 300_000]).attachments

    assert attachment.size == 300_000 * 57


def test_a_process_that_cannot_start_blames_no_message() -> None:
    with (
        ParserProcess(command=[sys.executable, "-c", "import no_such_module"]) as process,
        pytest.raises(ParserUnavailable),
    ):
        process.parse(mail("innocent"))


def test_work_goes_on_while_the_caller_does_something_else(process: ParserProcess) -> None:
    process.parse(mail("started"))
    results = process.parse_many([mail("a"), mail("b")])
    assert process._running is not None
    process._running.result(timeout=30)  # nobody has asked for a result yet

    assert subjects(results) == ["a", "b"]


def test_results_left_alone_do_not_mix_with_later_ones(process: ParserProcess) -> None:
    first = process.parse_many([mail(str(number)) for number in range(100)])
    assert subjects(iter([next(first)])) == ["0"]

    assert subjects(process.parse_many([mail("later")])) == ["later"]


def test_closing_ends_the_process_in_the_middle_of_a_message(obedient: ParserProcess) -> None:
    obedient.parse(mail("one"))
    pid = child_of(obedient)
    obedient.parse_many([mail("hang")])
    obedient.close()

    assert not Path(f"/proc/{pid}").exists()


def test_the_process_knows_nothing_of_the_site(
    process: ParserProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:secret@host/db")
    process.parse(mail("one"))

    environment = Path(f"/proc/{child_of(process)}/environ").read_bytes()
    assert b"secret" not in environment
    assert b"DJANGO" not in environment


def test_the_process_needs_no_django_and_little_memory(process: ParserProcess) -> None:
    process.parse(mail("one"))
    pid = child_of(process)

    assert b"django" not in Path(f"/proc/{pid}/maps").read_bytes()
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    (pss,) = [int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")]
    assert pss < 30_000  # kB


def test_it_works_from_any_folder(
    process: ParserProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)

    assert process.parse(mail("one")).subject == "one"


def test_the_worker_ends_when_its_input_ends() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "wagtail_mailarchive.mime.worker", "10", str(1 << 30)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
    )
    output, _ = child.communicate((5).to_bytes(8, "big") + b"\n\n", timeout=30)

    assert child.returncode == 0
    assert output == worker.GREETING


def test_the_worker_ends_when_its_caller_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "caller.py"
    script.write_text(
        "from wagtail_mailarchive.mime.process import ParserProcess\n"
        "import time\n"
        "process = ParserProcess()\n"
        "process.parse([b''])\n"
        "print(process._child.process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    caller = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}
    )
    assert caller.stdout is not None
    pid = int(caller.stdout.readline())
    caller.kill()
    caller.communicate()

    wait_until_gone(pid)


def child_of(process: ParserProcess) -> int:
    assert process._child is not None
    return process._child.process.pid


def wait_until_gone(pid: int) -> None:
    """Wait until `pid` has ended; a zombie has."""
    deadline = time.monotonic() + 30
    status = Path(f"/proc/{pid}/stat")
    while status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z":
        assert time.monotonic() < deadline, "still running"
        time.sleep(0.02)
