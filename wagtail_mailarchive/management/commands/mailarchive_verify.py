"""`mailarchive_verify`: read everything back and compare it with what was archived."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from ...archive import chain
from ...archive.problems import concerning
from ...fetching.upkeep_requests import open_run
from ...models import EmailFolderPage, IntegrityProblem, UpkeepKind, UpkeepRun, UpkeepStatus
from ..upkeep import folder_of, work_to_the_end


class Command(BaseCommand):
    help = (
        "Reads every original back, hashes it, and follows the chains of the folders. "
        "Interrupted, it goes on where it stopped when it is called again. "
        "Exit status 1 if something is not as it was archived."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--folder", type=int, metavar="ID", help="only this email folder")
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--sample",
            type=int,
            metavar="N",
            help="only N originals, links of the chains and messages each, chosen at random",
        )
        what.add_argument(
            "--head",
            action="store_true",
            help="check nothing; print the last entry of each chain as JSON, to be kept elsewhere",
        )

        what.add_argument(
            "--chain",
            action="store_true",
            help="check nothing; print all of the folder's chain as JSON, to be recomputed",
        )

    def handle(self, **options: Any) -> None:
        folder = folder_of(options["folder"])
        if options["head"]:
            folders = EmailFolderPage.objects.filter(pk=folder.pk) if folder else None
            for head in chain.heads(folders):
                self.stdout.write(json.dumps(head.as_dict()))
            return
        if options["chain"]:
            if folder is None:
                raise CommandError("Name the folder whose chain is to be printed: --folder ID.")
            for entry in chain.told(folder.pk):
                self.stdout.write(json.dumps(entry))
            return
        if options["sample"] is None:
            run, _ = open_run(UpkeepKind.VERIFY, folder)
        elif folder is not None or options["sample"] < 1:
            raise CommandError("A sample is of one message or more, of all folders.")
        else:
            run, _ = open_run(UpkeepKind.SAMPLE, None, number=options["sample"])
        begun, read_before = time.monotonic(), run.bytes_read
        work_to_the_end(run, self.stderr.write)
        self._report(run)
        megabytes = (run.bytes_read - read_before) / 1_000_000
        seconds = time.monotonic() - begun
        self.stdout.write(
            f"{run.done} checked, {run.problems} problems found; {megabytes:.1f} MB of originals "
            f"read in {seconds:.1f} s, {megabytes / max(seconds, 0.001):.1f} MB/s."
        )
        if self._problems(run):
            raise SystemExit(1)

    def _report(self, run: UpkeepRun) -> None:
        for problem in self._problems(run):
            self.stdout.write(self.style.ERROR(f"{problem.subject}: {problem.sentence}"))
        if run.status == UpkeepStatus.FAILED:
            raise CommandError(run.error)
        if run.status == UpkeepStatus.STOPPED:
            raise CommandError(f"Stopped after {run.done} of {run.total}.")

    def _problems(self, run: UpkeepRun) -> QuerySet[IntegrityProblem]:
        """Return the problems that stand, those found earlier too."""
        problems = IntegrityProblem.objects.order_by("pk")
        return problems if run.folder is None else concerning(problems, [run.folder])
