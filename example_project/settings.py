"""Settings of the example intranet, as a site of one's own would have them.

Environment variables, all optional:

    DEMO_VAR        folder of the database, logs and keys; example_project/var by default
    DATABASE_URL    postgresql://user:password@host:port/name instead of SQLite; needs the extra
                    `postgresql`
    REDIS_URL       redis://host:port/0: the task queue lies there instead of in the database;
                    needs `pip install redis`
    DEMO_PORT       port of the web server; 8000 by default
    DEMO_MAIL_PORT  port of the demo's mail server; 9993 by default
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from . import keys

BASE_DIR = Path(__file__).resolve().parent
VAR = Path(os.environ.get("DEMO_VAR") or BASE_DIR / "var").resolve()
PORT = int(os.environ.get("DEMO_PORT") or 8000)
MAIL_PORT = int(os.environ.get("DEMO_MAIL_PORT") or 9993)

_keys = keys.kept(VAR)
SECRET_KEY = _keys.secret_key
# Off, so that visitors see the intranet's own error pages; the demo logs to VAR.
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]

INSTALLED_APPS = [
    "example_project.intranet",
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
    "wagtail",
    "taggit",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "wagtail.contrib.redirects.middleware.RedirectMiddleware",
]

ROOT_URLCONF = "example_project.urls"
WSGI_APPLICATION = "example_project.wsgi.application"

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


def _database() -> dict[str, Any]:
    url = urlsplit(os.environ.get("DATABASE_URL", ""))
    if url.scheme in ("postgres", "postgresql"):
        return {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": unquote(url.hostname or ""),
            "PORT": url.port or "",
            "USER": unquote(url.username or ""),
            "PASSWORD": unquote(url.password or ""),
            "NAME": unquote(url.path.lstrip("/")),
        }
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": VAR / "db.sqlite3",
        "OPTIONS": {
            # Readers and the worker do not wait for each other, and a commit survives a power cut.
            # The first two: readers do not wait, and a commit survives a power cut. The others:
            # a batch of mail fits into memory, and is not copied at each commit.
            "init_command": (
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16000;"
            ),
            # Two writers queue up; transactions that read first and write later would fail at once.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,  # seconds
        },
    }


DATABASES = {"default": _database()}
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    # Wagtail's search index has column types of its own there.
    INSTALLED_APPS.append("django.contrib.postgres")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# A task may take `timeout` seconds; `retry` is longer than any task can wait and run, so that
# none runs twice. `manage.py check` says so if these do not fit together.
Q_CLUSTER: dict[str, Any] = {
    "name": "intranet",
    "workers": 2,
    "queue_limit": 2,
    "timeout": 600,
    "retry": 1500,
    "max_attempts": 3,
    "ack_failures": True,
    "catch_up": False,
    "save_limit_per": "func",
}
if os.environ.get("REDIS_URL"):
    Q_CLUSTER["redis"] = os.environ["REDIS_URL"]
else:
    Q_CLUSTER |= {"orm": "default", "poll": 0.5}

WAGTAIL_MAILARCHIVE = {
    "ENCRYPTION_KEYS": [_keys.encryption_key],
    "WORKSPACE_PAGE_TYPES": ["intranet.WorkspacePage"],
    "BASE_TEMPLATE": "intranet/base.html",
    # The demo's mail server is on this machine; elsewhere only public addresses are reached.
    "ALLOWED_MAIL_HOSTS": ["localhost", "127.0.0.0/8", "::1"],
    "ALLOWED_MAIL_PORTS": [143, 993, 110, 995, MAIL_PORT],
    # The mail server that the demo's mail came by.
    "TRUSTED_AUTHSERV_IDS": ["mx.tidemark.example"],
}

WAGTAIL_SITE_NAME = "Tidemark intranet"
WAGTAILADMIN_BASE_URL = f"http://localhost:{PORT}"
WAGTAIL_FRONTEND_LOGIN_URL = "/sign-in/"
WAGTAILDOCS_EXTENSIONS = ["pdf", "txt", "docx", "odt"]
# The demo asks nothing of the internet.
WAGTAIL_ENABLE_UPDATE_CHECK = False
WAGTAIL_GRAVATAR_PROVIDER_URL = None
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
# Cookies know no ports: another site on localhost would end this one's sessions.
SESSION_COOKIE_NAME = "intranet_session"
CSRF_COOKIE_NAME = "intranet_csrf"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
    )
]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "Europe/Stockholm"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
MEDIA_URL = "/media/"
MEDIA_ROOT = VAR / "media"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"django": {"level": "INFO", "handlers": [], "propagate": True}},
}
