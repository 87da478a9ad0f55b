"""System checks: each finds what it is for, and its hint, pasted, silences it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest
from django.apps import apps
from django.core.checks import CheckMessage
from django.db import connections
from django.urls import clear_url_caches

from wagtail_mailarchive.checks.archive import check_settings
from wagtail_mailarchive.checks.queue import WHOLE, check_queue
from wagtail_mailarchive.checks.site import (
    check_addresses,
    check_database_vendor,
    check_full_text,
    check_page_model,
    check_settings_app,
)
from wagtail_mailarchive.conf import ArchiveSettings

ROOT = Path(__file__).resolve().parents[1]
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
GOOD: dict[str, Any] = {
    "ENCRYPTION_KEYS": [KEY],
    "WORKSPACE_PAGE_TYPES": ["site.WorkspacePage"],
}


def block(message: CheckMessage) -> str:
    """The Python that a hint asks to paste: its indented lines."""
    assert message.hint is not None
    lines = message.hint.split("\n\n", 1)[1]
    assert all(line.startswith("    ") or not line for line in lines.splitlines())
    return dedent(lines)


def codes(messages: Sequence[CheckMessage]) -> list[str]:
    return [(message.id or "").removeprefix("wagtail_mailarchive.") for message in messages]


def one(messages: Sequence[CheckMessage]) -> CheckMessage:
    (message,) = messages
    return message


def run(source: str, module: dict[str, Any]) -> None:
    exec(source, module)  # noqa: S102  (a settings file is executed as well)


def paste(message: CheckMessage, settings: Any, *names: str) -> None:
    """Run a hint's block as the end of a settings file that holds `names` so far."""
    module = {name: getattr(settings, name) for name in names if hasattr(settings, name)}
    run(block(message), module)
    for name in names:
        setattr(settings, name, module[name])


# -- the archive's own settings --------------------------------------------------------------


def test_good_settings_are_silent(settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = GOOD

    assert check_settings() == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("a string", "E001"),
        ({**GOOD, "FETCH_INTERVALL": 5}, "E002"),
        ({**GOOD, "sanitizer": "nh3"}, "E002"),
        ({**GOOD, "nonsense": 1}, "E002"),
        ({"WORKSPACE_PAGE_TYPES": ["site.WorkspacePage"]}, "E003"),
        ({**GOOD, "ENCRYPTION_KEYS": []}, "E003"),
        ({**GOOD, "ENCRYPTION_KEYS": KEY}, "E004"),
        ({**GOOD, "ENCRYPTION_KEYS": "no key"}, "E004"),
        ({**GOOD, "ENCRYPTION_KEYS": [KEY, "no key"]}, "E004"),
        ({**GOOD, "ENCRYPTION_KEYS": (None, KEY)}, "E004"),
        ({**GOOD, "SANITIZER": "none"}, "E005"),
        ({**GOOD, "NEW_FOLDER_PRIVACY": "secret"}, "E006"),
        ({**GOOD, "NEW_FOLDER_PRIVACY": ["login"]}, "E006"),
        ({**GOOD, "ALLOWED_MAIL_HOSTS": "mail.intranet"}, "E009"),
        ({**GOOD, "ALLOWED_MAIL_HOSTS": ["mail.intranet", "10.0.0.0/33"]}, "E009"),
        ({**GOOD, "ALLOWED_MAIL_HOSTS": ["10.0.0.1/8"]}, "E009"),
        ({**GOOD, "ALLOWED_MAIL_HOSTS": ["https://mail.intranet"]}, "E009"),
        ({**GOOD, "ALLOWED_MAIL_HOSTS": ["mail.intranet:993"]}, "E009"),
        ({**GOOD, "ALLOWED_MAIL_HOSTS": ["10.0.0.256"]}, "E009"),
        ({**GOOD, "WORKSPACE_PAGE_TYPES": ["site.NoPage"]}, "E010"),
        ({**GOOD, "WORKSPACE_PAGE_TYPES": ["auth.User"]}, "E010"),
        ({**GOOD, "WORKSPACE_PAGE_TYPES": "site.WorkspacePage"}, "E010"),
        ({**GOOD, "WORKSPACE_PAGE_TYPES": ["site.WorkspacePage", 7]}, "E010"),
        ({**GOOD, "ALLOWED_MAIL_PORTS": [70_000]}, "E011"),
        ({**GOOD, "ALLOWED_MAIL_PORTS": 993}, "E011"),
        ({**GOOD, "ALLOW_PLAINTEXT": "no"}, "E012"),
        ({**GOOD, "FETCH_INTERVAL": 0}, "E013"),
        ({**GOOD, "RELATION_KINDS": {"filed": "is filed"}}, "E046"),
        ({**GOOD, "RELATION_KINDS": {"x" * 41: ("is filed", "holds")}}, "E046"),
        ({**GOOD, "COMMENT_MODERATION": "first one"}, "E047"),
        ({**GOOD, "COMMENT_MODERATION": ["held"]}, "E047"),
        ({**GOOD, "COMMENTERS": "everybody"}, "E048"),
        ({**GOOD, "MAX_MESSAGE_SIZE": "10 MB"}, "E014"),
        ({**GOOD, "BASE_TEMPLATE": "nowhere.html"}, "E015"),
        ({**GOOD, "READ_ATTACHMENTS": "yes"}, "E018"),
        ({**GOOD, "TRUSTED_AUTHSERV_IDS": "mx.example.org"}, "E035"),
        ({**GOOD, "DKIM_LOOKUPS": "yes"}, "E036"),
        ({"ENCRYPTION_KEYS": [KEY]}, "W001"),
        ({"ENCRYPTION_KEYS": [KEY], "WORKSPACE_PAGE_TYPES": None}, "W001"),
    ],
)
def test_a_wrong_setting_is_found_and_its_hint_silences_it(
    given: Any, code: str, settings: Any
) -> None:
    settings.WAGTAIL_MAILARCHIVE = given

    message = one(check_settings())
    assert codes([message]) == [code]
    paste(message, settings, "WAGTAIL_MAILARCHIVE")

    assert code not in codes(check_settings())


def test_a_site_without_any_settings_gets_blocks_to_begin_with(settings: Any) -> None:
    del settings.WAGTAIL_MAILARCHIVE

    missing, unset = check_settings()
    assert codes([missing, unset]) == ["E003", "W001"]
    paste(missing, settings, "WAGTAIL_MAILARCHIVE")
    paste(one(check_settings()), settings, "WAGTAIL_MAILARCHIVE")

    assert check_settings() == []


def test_what_was_right_stays_when_a_hint_is_pasted(settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = {
        **GOOD,
        "ENCRYPTION_KEYS": [KEY, "no key"],
        "ALLOWED_MAIL_HOSTS": ["mail.intranet", "10.0.0.0/33"],
    }

    for message in check_settings():
        paste(message, settings, "WAGTAIL_MAILARCHIVE")

    assert settings.WAGTAIL_MAILARCHIVE["ENCRYPTION_KEYS"][0] == KEY
    assert settings.WAGTAIL_MAILARCHIVE["ALLOWED_MAIL_HOSTS"] == ["mail.intranet"]


def test_each_hint_brings_another_key(settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = {}

    assert block(check_settings()[0]) != block(check_settings()[0])


def test_no_message_shows_a_key_of_the_site(settings: Any) -> None:
    for keys in (["not-quite-a-key", KEY], KEY, "not-quite-a-key"):
        settings.WAGTAIL_MAILARCHIVE = {**GOOD, "ENCRYPTION_KEYS": keys}

        text = " ".join(str(message) for message in check_settings())

        assert text
        assert KEY not in text
        assert "not-quite-a-key" not in text


def test_an_unknown_storage_is_found(settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = {**GOOD, "ORIGINALS_STORAGE": "mail"}

    message = one(check_settings())
    assert codes([message]) == ["E007"]
    paste(message, settings, "STORAGES")

    assert check_settings() == []
    assert set(settings.STORAGES) == {"default", "staticfiles", "mail"}


def test_a_storage_entry_is_added_to_those_the_site_has(settings: Any) -> None:
    settings.STORAGES = {**settings.STORAGES, "images": {"BACKEND": "site.Images"}}
    settings.WAGTAIL_MAILARCHIVE = {**GOOD, "ORIGINALS_STORAGE": "mail"}

    paste(one(check_settings()), settings, "STORAGES")

    assert check_settings() == []
    assert "images" in settings.STORAGES


def test_a_storage_that_loses_files_is_found(settings: Any) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "mail": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    }
    settings.WAGTAIL_MAILARCHIVE = {**GOOD, "ORIGINALS_STORAGE": "mail"}

    message = one(check_settings())
    assert codes([message]) == ["E008"]
    paste(message, settings, "STORAGES")

    assert check_settings() == []


# -- the queue -------------------------------------------------------------------------------


def test_the_block_of_the_hint_is_a_safe_queue(settings: Any) -> None:
    settings.Q_CLUSTER = WHOLE

    assert check_queue() == []


def test_django_q_must_be_installed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = [name for name in settings.INSTALLED_APPS if name != "django_q"]
    monkeypatch.setattr(apps, "is_installed", installed.__contains__)

    message = one(check_queue())

    assert codes([message]) == ["E020"]
    module = {"INSTALLED_APPS": installed}
    run(block(message), module)
    monkeypatch.setattr(apps, "is_installed", module["INSTALLED_APPS"].__contains__)
    assert check_queue() == []


@pytest.mark.parametrize("cluster", [None, {}, {"name": "site", "workers": 2}])
def test_a_queue_without_a_broker_is_found(cluster: Any, settings: Any) -> None:
    settings.Q_CLUSTER = cluster

    message = one(check_queue())
    assert codes([message]) == ["E021"]
    paste(message, settings, "Q_CLUSTER")

    assert check_queue() == []


@pytest.mark.parametrize(
    ("unsafe", "code"),
    [
        ({"timeout": 300}, "E022"),
        ({"timeout": 540}, "E022"),
        ({"timeout": None}, "E022"),
        ({"retry": 600}, "E023"),
        ({"retry": 1200}, "E023"),
        ({"queue_limit": 50}, "E023"),
        ({"workers": 1}, "E023"),
        ({"ack_failures": False}, "E024"),
        ({"max_attempts": 0}, "E025"),
        ({"catch_up": True}, "E026"),
        ({"sync": True}, "W020"),
    ],
)
def test_an_unsafe_queue_is_found(unsafe: dict[str, Any], code: str, settings: Any) -> None:
    settings.Q_CLUSTER = {**WHOLE, **unsafe}

    message = one(check_queue())
    assert codes([message]) == [code]
    paste(message, settings, "Q_CLUSTER")

    assert check_queue() == []


def test_what_django_q_does_by_default_is_not_safe(settings: Any) -> None:
    settings.Q_CLUSTER = {"orm": "default", "workers": 4}

    assert codes(check_queue()) == ["E022", "E024", "E025", "E026"]


# -- the site --------------------------------------------------------------------------------


def test_another_database_is_refused(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(type(connections["default"]), "vendor", "mysql")

    message = one(check_database_vendor())

    assert codes([message]) == ["E030"]
    module = {"DATABASES": {"default": {"ENGINE": "django.db.backends.mysql"}}}
    run(block(message), module)
    assert module["DATABASES"]["default"]["ENGINE"] == "django.db.backends.postgresql"


@pytest.mark.skipif(connections["default"].vendor != "sqlite", reason="about SQLite")
@pytest.mark.parametrize("options", [{}, {"transaction_mode": "DEFERRED"}])
def test_sqlite_is_asked_to_begin_immediately(
    options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = {**connections["default"].settings_dict, "OPTIONS": options}
    monkeypatch.setattr(connections["default"], "settings_dict", database)

    message = one(check_database_vendor())
    assert codes([message]) == ["W030"]
    run(block(message), {"DATABASES": {"default": database}})

    assert check_database_vendor() == []


def test_wagtails_settings_app_must_be_installed(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_settings_app() == []
    name = "wagtail.contrib.settings"
    installed = [each for each in settings.INSTALLED_APPS if each != name]
    monkeypatch.setattr(apps, "is_installed", installed.__contains__)

    message = one(check_settings_app())

    assert codes([message]) == ["E034"]
    module = {"INSTALLED_APPS": installed}
    run(block(message), module)
    monkeypatch.setattr(apps, "is_installed", module["INSTALLED_APPS"].__contains__)
    assert check_settings_app() == []


def test_a_page_model_of_the_sites_own_is_refused(settings: Any) -> None:
    assert check_page_model() == []
    settings.WAGTAIL_PAGE_MODEL = "site.BasePage"

    message = one(check_page_model())
    assert codes([message]) == ["E031"]
    paste(message, settings, "WAGTAIL_PAGE_MODEL")

    assert check_page_model() == []


@pytest.fixture
def urlconf(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A function that makes the site's URLconf of a module's source."""

    def use(source: str) -> ModuleType:
        module = ModuleType("site_urls")
        run(source, module.__dict__)
        monkeypatch.setitem(sys.modules, "site_urls", module)
        settings.ROOT_URLCONF = "site_urls"
        clear_url_caches()
        return module

    return use


def test_missing_addresses_are_found(urlconf: Callable[[str], ModuleType]) -> None:
    source = "urlpatterns = []\n"
    urlconf(source)

    message = one(check_addresses())
    assert codes([message]) == ["E032"]
    urlconf(source + block(message))

    assert check_addresses() == []


def test_addresses_are_found_behind_another_include(
    urlconf: Callable[[str], ModuleType],
) -> None:
    urlconf(
        "from django.conf.urls.i18n import i18n_patterns\n"
        "from django.urls import include, path\n"
        'inner = [path("mail/", include("wagtail_mailarchive.urls"))]\n'
        'urlpatterns = i18n_patterns(path("deep/", include(inner)))\n'
    )

    assert check_addresses() == []


def test_a_broken_urlconf_is_left_to_djangos_own_check(settings: Any) -> None:
    settings.ROOT_URLCONF = "no.such.module"

    assert check_addresses() == []


@pytest.mark.django_db
@pytest.mark.skipif(connections["default"].vendor != "sqlite", reason="about SQLite")
def test_sqlite_without_fts5_is_refused() -> None:
    assert check_full_text(databases=["default"]) == []

    def without(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        return execute(sql.replace("'fts5'", "'fts6'"), params, many, context)

    with connections["default"].execute_wrapper(without):
        assert codes(check_full_text(databases=["default"])) == ["E033"]


def test_databases_are_not_touched_unless_asked_for() -> None:
    assert check_full_text() == []


def test_every_code_is_documented() -> None:
    used = set()
    for module in (ROOT / "wagtail_mailarchive" / "checks").glob("*.py"):
        used |= set(re.findall(r"\b[EW]0[0-3]\d\b", module.read_text()))

    page = (ROOT / "docs" / "reference" / "checks.md").read_text()
    assert used == set(re.findall(r"\b[EW]0[0-3]\d\b", page))


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text()

    assert {field.name for field in fields(ArchiveSettings)} == set(
        re.findall(r"^\| `([A-Z_]+)`", page, re.MULTILINE)
    )
