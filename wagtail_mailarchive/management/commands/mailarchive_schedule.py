"""Show the schedule that fetches due accounts; make it anew if it was lost or broken."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from wagtail_mailarchive.fetching.schedule import ensure_schedule, repair_schedule


class Command(BaseCommand):
    help = "Make the schedule that fetches due accounts if it is missing, and show it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--repair", action="store_true", help="replace it by the one of a new site"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        schedule = repair_schedule() if options["repair"] else ensure_schedule()
        self.stdout.write(
            f"{schedule.name}: every {schedule.minutes} min, next at {schedule.next_run:%H:%M:%S}."
        )
