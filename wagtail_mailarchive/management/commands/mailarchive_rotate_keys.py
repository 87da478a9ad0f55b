"""`mailarchive_rotate_keys`: seal every stored secret with the first key."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management import BaseCommand, CommandError

from ...exceptions import ConfigurationError
from ...models.key_rotation import Turn, rotate


class Command(BaseCommand):
    help = (
        "Seals the stored passwords and tokens of all mail accounts with the first of "
        "ENCRYPTION_KEYS. It can be ended and called again at any time, beside a running site. "
        "Exit status 1 if no key of the site opens one of them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only count; change nothing.")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        counts: Counter[Turn] = Counter()
        try:
            for each in rotate(dry_run=dry_run):
                counts[each.turn] += 1
                if each.turn is Turn.UNREADABLE:
                    self.stderr.write(
                        f"Account {each.account_id} ({each.account_name}): no key of this site "
                        f"opens its {each.what}. Add the key that sealed it to ENCRYPTION_KEYS, "
                        "or enter or sign in again."
                    )
        except ConfigurationError as error:
            raise CommandError(str(error)) from None
        self._tell(counts, dry_run=dry_run)

    def _tell(self, counts: Counter[Turn], *, dry_run: bool) -> None:
        sealed, present = counts[Turn.RESEALED], counts[Turn.CURRENT] + counts[Turn.CHANGED]
        verb = "would be sealed" if dry_run else "sealed"
        self.stdout.write(f"{sealed} {verb} with the first key, {present} were already.")
        unreadable = counts[Turn.UNREADABLE]
        if unreadable:
            raise CommandError(f"{unreadable} cannot be read. Keep the other keys until they can.")
        if not dry_run:
            self.stdout.write("The other keys are not needed any more.")
