"""Compare mail servers with the ledger now, in this process, without the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from wagtail_mailarchive.fetching.findings import DIFFERENCES, Finding
from wagtail_mailarchive.fetching.trials import run_trial
from wagtail_mailarchive.models import MailAccount, Trial, TrialKind
from wagtail_mailarchive.models.run import sentence


class Command(BaseCommand):
    help = (
        "Compares every message on the server with the ledger, and changes nothing there. "
        "Exit status 1 if they differ, or if an account could not be compared."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", type=int, metavar="ID", help="only this mail account")

    def handle(self, *args: Any, **options: Any) -> None:
        accounts = MailAccount.objects.filter(enabled=True)
        if options["account"] is not None:
            accounts = MailAccount.objects.filter(pk=options["account"])
            if not accounts:
                raise CommandError("There is no mail account of that number.")
        is_well = True
        for account in accounts:
            trial = Trial.objects.create(kind=TrialKind.RECONCILIATION, account=account)
            run_trial(trial.pk)
            trial.refresh_from_db()
            is_well &= self._tell(account, trial.result)
        if not is_well:
            raise SystemExit(1)

    def _tell(self, account: MailAccount, result: Mapping[str, Any]) -> bool:
        """Print what was found; return whether server and ledger are the same."""
        error, differences = result["error"], result["differences"]
        if error:
            reason = sentence(error["code"], error["params"])
            self.stdout.write(self.style.ERROR(f"{account.name}: {reason}"))
        style = self.style.ERROR if differences else self.style.SUCCESS
        told = f"{account.name}: {result['compared']} messages compared, {differences} differences."
        if not error or differences:
            self.stdout.write(style(told))
        for finding in Finding:
            if number := result["counts"].get(finding.value):
                mark = "!" if finding in DIFFERENCES else " "
                self.stdout.write(f"  {mark} {number}: {finding.label}")
        for found in result["findings"]:
            if found["finding"] in DIFFERENCES:
                reason = sentence(found["reason_code"], found["reason_params"])
                about = "" if found["uid"] is None else f", UID {found['uid']}"
                label = Finding(found["finding"]).label
                self.stdout.write(f"    {found['mailbox']}{about}: {label}. {reason}".rstrip())
        return not error and not differences
