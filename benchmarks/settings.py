"""The test site's settings, on a database that survives a power cut.

BENCH_DATABASE: an entry for DATABASES, in JSON. BENCH_OPTIONS: more OPTIONS of it, in JSON.
BENCH_ORIGINALS: a folder for originals, if they are not to be kept in the database.
"""

from __future__ import annotations

import json
import os
from typing import Any

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as TEST_APPS
from tests.settings import WAGTAIL_MAILARCHIVE as TEST_ARCHIVE

DEBUG = False
LOGGING_CONFIG = None
DATABASES = {"default": json.loads(os.environ["BENCH_DATABASE"])}
if options := os.environ.get("BENCH_OPTIONS"):
    DATABASES["default"].setdefault("OPTIONS", {}).update(json.loads(options))
INSTALLED_APPS = [*TEST_APPS]
if "postgresql" in DATABASES["default"]["ENGINE"]:
    INSTALLED_APPS.append("django.contrib.postgres")
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WAGTAIL_MAILARCHIVE = dict(TEST_ARCHIVE)
if folder := os.environ.get("BENCH_ORIGINALS"):
    STORAGES["originals"] = {
        "BACKEND": "wagtail_mailarchive.archive.file_storage.DurableFileSystemStorage",
        "OPTIONS": {"location": folder},
    }
    WAGTAIL_MAILARCHIVE["ORIGINALS_STORAGE"] = "originals"
