"""Make the search index anew, while readers search on."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from ...archive.search.building import rebuild
from ...conf import archive_settings


class Command(BaseCommand):
    help = (
        "Make the search index anew in the language of SEARCH_LANGUAGE. Readers search on in the "
        "old one meanwhile, and mail goes on being archived. When stopped, start it again: it goes "
        "on where it was."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--restart", action="store_true", help="begin at the beginning, not where it stopped"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        shown = 0

        def progress(done: int, total: int) -> None:
            nonlocal shown
            percent = 100 * done // max(total, 1)
            if percent > shown and options["verbosity"] >= 1:
                shown = percent
                self.stdout.write(f"{done} of {total} messages ({percent} %)")

        done = rebuild(
            archive_settings().SEARCH_LANGUAGE, restart=options["restart"], progress=progress
        )
        self.stdout.write(self.style.SUCCESS(f"The index is new: {done} messages."))
