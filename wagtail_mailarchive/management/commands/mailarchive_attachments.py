"""`mailarchive_attachments`: read text and pictures out of attachments."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ...archive import contents
from ...fetching.upkeep_requests import open_run
from ...models import ContentState, UpkeepKind, UpkeepStatus
from ..upkeep import work_to_the_end


class Command(BaseCommand):
    help = (
        "Reads text, for search, and thumbnails out of attachments, as the worker does after each "
        "fetch. Interrupted, it goes on where it stopped when it is called again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="those too that were read already")

    def handle(self, **options: Any) -> None:
        run, _ = open_run(UpkeepKind.CONTENTS, None, is_complete=options["all"])
        if options["all"] and not run.is_complete:
            raise CommandError(
                "A run over attachments that wait is unfinished. Call this without --all, or wait "
                "for it, and call this again."
            )
        work_to_the_end(run, self.stderr.write)
        if run.status != UpkeepStatus.DONE:
            raise CommandError(run.error or f"Stopped after {run.done} of {run.total}.")
        self.stdout.write(f"{run.done} attachments looked at.")
        for state, number in sorted(contents.numbers().items()):
            if state != ContentState.READ:
                self.stdout.write(f"{ContentState(state).label}: {number}")
