"""Fetch new mail now, in this process, without the queue."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wagtail_mailarchive.exceptions import AccountHeld
from wagtail_mailarchive.fetching.foreground import Report, fetch_now
from wagtail_mailarchive.fetching.progress import progress
from wagtail_mailarchive.models import FetchRun, MailAccount
from wagtail_mailarchive.models.site_settings import is_on


class Command(BaseCommand):
    help = "Fetch new mail of all enabled accounts, or of those chosen, and wait for it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", type=int, metavar="ID", help="only this mail account")
        parser.add_argument("--folder", type=int, metavar="ID", help="only this email folder")
        parser.add_argument("--json", action="store_true", help="print one summary object")

    def handle(self, *args: Any, **options: Any) -> None:
        if not is_on():
            raise CommandError("Mail archiving is switched off in Settings > Mail archive.")
        fetched = MailAccount.objects.filter(enabled=True, folder__trashed=None)
        accounts = fetched.select_related("folder")
        if options["account"] is not None:
            accounts = accounts.filter(pk=options["account"])
        if options["folder"] is not None:
            accounts = accounts.filter(folder=options["folder"])
        is_chosen = options["account"] is not None or options["folder"] is not None
        if is_chosen and not accounts:
            raise CommandError(
                "There is no enabled mail account of that number, or its folder is in the trash."
            )
        self._bar = self.stderr.isatty() and not options["json"]
        reports = []
        held = []
        for account in accounts.select_related("health"):
            try:
                report = fetch_now(account, after_batch=self._show_progress)
            except AccountHeld as error:
                held.append(_held(account, error))
                if not options["json"]:
                    self.stdout.write(self.style.ERROR(f"{account.name}: {error}"))
                continue
            reports.append(report)
            if not options["json"]:
                self._print(report)
        failed = sum(report.failed for report in reports) + len(held)
        if options["json"]:
            summary = {
                "accounts": [report.as_dict() for report in reports] + held,
                "archived": sum(report.run.archived for report in reports),
                "failed": failed,
            }
            self.stdout.write(json.dumps(summary))
        if failed:
            raise SystemExit(1)

    def _show_progress(self, run: FetchRun) -> None:
        if not self._bar:
            return
        run.refresh_from_db()
        [told] = progress([run])
        done, whole = told["done"], told["whole"]
        bar = "#" * (30 * done // max(whole, 1))
        self.stderr.write(f"\r{run.account_name}: [{bar:<30}] {done}/{whole}", ending="")
        self.stderr.flush()

    def _print(self, report: Report) -> None:
        if self._bar:
            self.stderr.write("\r\033[K", ending="")
        style = self.style.ERROR if report.failed else self.style.SUCCESS
        self.stdout.write(style(report.sentence()))


def _held(account: MailAccount, error: AccountHeld) -> dict[str, Any]:
    return {
        "account": account.pk,
        "name": account.name,
        "status": "held",
        "error": str(error),
        "error_code": error.code,
    }
