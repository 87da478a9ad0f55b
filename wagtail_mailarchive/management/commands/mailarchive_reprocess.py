"""`mailarchive_reprocess`: read stored originals again with the parser of today."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ...fetching.upkeep_requests import open_run
from ...fetching.upkeep_work import to_reprocess
from ...models import UpkeepKind, UpkeepRun, UpkeepStatus
from ..upkeep import folder_of, work_to_the_end


class Command(BaseCommand):
    help = (
        "Reads archived messages again that an older parser read, without fetching. Their pages "
        "keep their addresses and all that others attached to them. Interrupted, it goes on where "
        "it stopped when it is called again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--folder", type=int, metavar="ID", help="only this email folder")
        parser.add_argument(
            "--all",
            action="store_true",
            help="those too that were read by the parser of today",
        )
        parser.add_argument(
            "--resume",
            action="store_true",
            help="only go on with what was interrupted; begin nothing new",
        )

    def handle(self, **options: Any) -> None:
        folder = folder_of(options["folder"])
        interrupted = UpkeepRun.objects.filter(
            kind=UpkeepKind.REPROCESS,
            folder=folder,
            status__in=[UpkeepStatus.QUEUED, UpkeepStatus.RUNNING],
        )
        if options["resume"] and not interrupted.exists():
            self.stdout.write("Nothing was interrupted.")
            return
        run, _ = open_run(UpkeepKind.REPROCESS, folder, is_complete=options["all"])
        if options["all"] and not run.is_complete:
            raise CommandError(
                "A run over messages read by an older parser is unfinished. End it first, "
                "with --resume, and call this again."
            )
        work_to_the_end(run, self.stderr.write)
        if run.status != UpkeepStatus.DONE:
            raise CommandError(run.error or f"Stopped after {run.done} of {run.total}.")
        self.stdout.write(f"{run.done} messages read again.")
        if run.problems:
            left = to_reprocess(run.folder_id, is_complete=False).count()
            raise CommandError(
                f"{run.problems} could not be read again and stay as they were; {left} messages "
                f"in all are as an older parser read them. The log says why."
            )
