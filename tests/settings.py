"""Settings of the test site: SQLite in a file, or PostgreSQL when TEST_DATABASE_URL says so."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BASE = Path(__file__).parent
SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "Europe/Berlin"
LANGUAGE_CODE = "en"
ROOT_URLCONF = "tests.urls"
STATIC_URL = "/static/"
MEDIA_ROOT = "/tmp/wagtail-mailarchive-tests-media"
WAGTAIL_SITE_NAME = "Tests"
WAGTAILADMIN_BASE_URL = "http://localhost"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

_url = urlsplit(os.environ.get("TEST_DATABASE_URL", ""))
if _url.scheme == "postgresql":
    DATABASES: dict[str, dict[str, Any]] = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": _url.hostname,
            "PORT": _url.port,
            "USER": _url.username,
            "PASSWORD": _url.password or "",
            "NAME": _url.path.lstrip("/"),
            "OPTIONS": json.loads(os.environ.get("TEST_DATABASE_OPTIONS", "{}")),
            "TEST": {"TEMPLATE": os.environ.get("TEST_DATABASE_TEMPLATE")},
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": BASE / "db.sqlite3",
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # A test's database need not survive a power cut.
                "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;",
            },
            # A file and not memory, so that several connections can meet in it.
            "TEST": {"NAME": f"{tempfile.gettempdir()}/wagtail-mailarchive-{os.getpid()}.sqlite3"},
        }
    }

INSTALLED_APPS = [
    "tests.site",
    "wagtail_mailarchive",
    "django_q",
    "wagtail.contrib.settings",
    "wagtail.contrib.redirects",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail.api.v3",
    "wagtail",
    "taggit",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "wagtail.contrib.redirects.middleware.RedirectMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

Q_CLUSTER = {
    "name": "tests",
    "orm": "default",
    "workers": 2,
    "timeout": 600,
    "retry": 1500,
    "queue_limit": 2,
    "max_attempts": 3,
    "ack_failures": True,
    "catch_up": False,
    "save_limit_per": "func",
    "poll": 1,
}

WAGTAIL_MAILARCHIVE = {
    "ENCRYPTION_KEYS": ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="],
    "WORKSPACE_PAGE_TYPES": ["site.WorkspacePage"],
    "ALLOWED_MAIL_HOSTS": ["127.0.0.0/8", "localhost"],
    "ALLOW_PLAINTEXT": True,
    "ALLOWED_MAIL_PORTS": range(1, 65536),
}
