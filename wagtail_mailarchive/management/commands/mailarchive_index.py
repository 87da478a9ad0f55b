"""Make the search index anew, while readers search on."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ...archive.search.building import rebuild
from ...archive.search.cluster.building import rebuild_cluster
from ...conf import DATABASE, archive_settings
from ...exceptions import SearchUnavailable


class Command(BaseCommand):
    help = (
        "Make the search index anew in the language of SEARCH_LANGUAGE: the database's, and then "
        "that of the cluster of SEARCH_BACKEND, if there is one. Readers search on in the old one "
        "meanwhile, and mail goes on being archived. When stopped, start it again: it goes on "
        "where it was."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--restart", action="store_true", help="begin at the beginning, not where it stopped"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        site, restart = archive_settings(), options["restart"]
        progress = self._progress(options["verbosity"])
        done = rebuild(site.SEARCH_LANGUAGE, restart=restart, progress=progress)
        self.stdout.write(self.style.SUCCESS(f"The index is new: {done} messages."))
        if site.SEARCH_BACKEND == DATABASE:
            return
        progress = self._progress(options["verbosity"])
        try:
            done = rebuild_cluster(
                site.SEARCH_BACKEND, site.SEARCH_LANGUAGE, restart=restart, progress=progress
            )
        except SearchUnavailable as error:
            raise CommandError(f"{error} What was done is kept.") from error
        self.stdout.write(
            self.style.SUCCESS(f"The index of {site.SEARCH_BACKEND} is new: {done} messages.")
        )

    def _progress(self, verbosity: int) -> Callable[[int, int], None]:
        shown = 0

        def progress(done: int, total: int) -> None:
            nonlocal shown
            percent = 100 * done // max(total, 1)
            if percent > shown and verbosity >= 1:
                shown = percent
                self.stdout.write(f"{done} of {total} messages ({percent} %)")

        return progress
