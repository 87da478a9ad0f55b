"""Runs in django-mailbox's own environment: fetches a mailbox into SQLite and files.

Its only argument is a folder to write to. The endpoint comes as JSON on standard input.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from urllib.parse import quote

import django
from django.conf import settings
from django.core.management import call_command

folder = Path(sys.argv[1])
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django_mailbox"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": folder / "db.sqlite3",
            "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    MEDIA_ROOT=folder / "media",
    USE_TZ=True,
)
django.setup()

from django_mailbox.models import Mailbox  # type: ignore[import-not-found]  # noqa: E402


def main() -> None:
    given = json.load(sys.stdin)
    call_command("migrate", verbosity=0)
    credentials = f"{quote(given['username'])}:{quote(given['secret'])}"
    mailbox = Mailbox.objects.create(
        name="Benchmark", uri=f"imap+ssl://{credentials}@{given['host']}:{given['port']}"
    )
    begin = time.perf_counter()
    messages = sum(1 for _ in mailbox.get_new_mail())
    print(json.dumps({"seconds": time.perf_counter() - begin, "messages": messages}))


main()
