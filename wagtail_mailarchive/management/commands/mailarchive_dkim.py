"""`mailarchive_dkim`: check the DKIM signatures of archived mail."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ...archive import dkim_keys
from ...fetching.upkeep_requests import open_run
from ...models import UpkeepKind, UpkeepStatus
from ..upkeep import work_to_the_end


class Command(BaseCommand):
    help = (
        "Looks through all mail for DKIM signatures that were not checked yet, or could not be "
        "because no name server answered, and checks them. It asks the DNS for keys."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--ask-the-dns",
            action="store_true",
            help="required: each question tells a domain that somebody looks at its mail",
        )

    def handle(self, **options: Any) -> None:
        if not options["ask_the_dns"]:
            raise CommandError("Say --ask-the-dns, if the site wants its name servers to be asked.")
        if not dkim_keys.is_available():
            raise CommandError('This needs: pip install "wagtail-mailarchive[dkim]"')
        run, _ = open_run(UpkeepKind.DKIM, None)
        work_to_the_end(run, self.stderr.write)
        if run.status != UpkeepStatus.DONE:
            raise CommandError(run.error or f"Stopped after {run.done} of {run.total}.")
        self.stdout.write(
            f"{run.done} messages looked at, {run.problems} signatures could not be checked."
        )
