"""`mailarchive_uninstall`: take the archive out of the site, mail exported first."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from ...archive import export, removal
from ...exceptions import MailArchiveError
from ...fetching import retirement
from ...models import EmailFolderPage, EmailMessagePage, MailAccount

APP = "wagtail_mailarchive"

AFTERWARDS = """
Now take out of the settings and the URLconf, and restart site and worker:
  - "wagtail_mailarchive" from INSTALLED_APPS
  - WAGTAIL_MAILARCHIVE, with its encryption keys
  - the paths with include("wagtail_mailarchive.urls") and, if there, "wagtail_mailarchive.mid_urls"
  - "django_q" and Q_CLUSTER, if nothing else of the site uses them
Until then do not run migrate: it would set the archive up again.
"""


class Command(BaseCommand):
    help = (
        "Deletes all email folders, messages, accounts and originals, removes the schedule and "
        "the tables, and leaves a site that runs without wagtail_mailarchive."
    )
    # Whoever wants to be rid of the app need not set it up properly first.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        mail = parser.add_mutually_exclusive_group(required=True)
        mail.add_argument(
            "--export",
            type=Path,
            metavar="DIR",
            help="First write every original as .eml, and an index, below this empty folder.",
        )
        mail.add_argument(
            "--no-export", action="store_true", help="Delete all mail without writing it out."
        )
        parser.add_argument("--yes", action="store_true", help="Do not ask.")
        parser.add_argument(
            "--keep-tables",
            action="store_true",
            help="Leave the emptied tables; `migrate wagtail_mailarchive zero` drops them.",
        )

    def handle(self, **options: Any) -> None:
        if not options["keep_tables"]:
            self._refuse_foreign_migrations()
        self._confirm(options)
        try:
            removal.check_removable()
            retirement.retire()
            if options["export"] is not None:
                self._export(options["export"])
            deleted = removal.remove_everything(self._progress("deleted"))
        except MailArchiveError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{deleted} messages deleted.")
        if not options["keep_tables"]:
            call_command("migrate", APP, "zero", interactive=False, verbosity=0)
            # Migrating makes the schedule where it is missing.
            retirement.forget_tasks()
            removal.forget_content_types()
            self.stdout.write("The tables are gone.")
        self.stdout.write(AFTERWARDS)

    def _refuse_foreign_migrations(self) -> None:
        """Migrating to zero also undoes what other apps built upon our tables."""
        plan = MigrationExecutor(connection).migration_plan([(APP, None)])
        foreign = sorted({step.app_label for step, _ in plan} - {APP})
        if foreign:
            raise CommandError(
                f"Migrations of {', '.join(foreign)} stand on this app's tables and would be "
                f"undone with them. Remove what they refer to first, or use --keep-tables."
            )

    def _confirm(self, options: dict[str, Any]) -> None:
        self.stdout.write(
            f"{EmailFolderPage.objects.count()} email folders, "
            f"{EmailMessagePage.objects.count()} messages and "
            f"{MailAccount.objects.count()} mail accounts will be deleted from this site. "
            f"Nothing changes on mail servers."
        )
        if options["export"] is None:
            self.stdout.write("The mail will NOT be written out first.")
        if options["yes"]:
            return
        try:
            answer = input('Type "delete" to go on: ')
        except EOFError:
            answer = ""
        if answer.strip() != "delete":
            raise CommandError("Nothing was changed.")

    def _export(self, target: Path) -> None:
        done = export.export(target, self._progress("exported"))
        self.stdout.write(
            f"{done.messages} messages and {done.quarantined} quarantined mails written to "
            f"{target}."
        )
        if done.damaged:
            raise CommandError(
                f"{done.damaged} originals could not be read as they were archived; "
                f"{export.INDEX} marks them with an error. Nothing was deleted, and all accounts "
                f"are switched off. Restore the originals and start again, or give up what is "
                f"lost with --no-export: {target} holds the rest."
            )

    def _progress(self, what: str) -> Any:
        def show(done: int) -> None:
            if done % 1000 == 0:
                self.stdout.write(f"{done} {what} ...")

        return show
