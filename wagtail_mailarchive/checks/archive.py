"""Checks of `WAGTAIL_MAILARCHIVE`, the archive's own dictionary of settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

from cryptography.fernet import Fernet
from django.apps import AppConfig
from django.conf import global_settings, settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.files.storage import FileSystemStorage
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.utils.functional import Promise
from django.utils.module_loading import import_string
from wagtail.coreutils import resolve_model_string
from wagtail.models import Page, get_page_models

from ..archive.file_storage import DurableFileSystemStorage
from ..conf import SETTING, ArchiveSettings, is_mail_host, unknown_names
from ..models.comment import Commenters, Moderation
from .paste import assignment, paste

PRIVACIES = ("editors", "groups", "login", "public")
SANITIZERS = ("nh3", "bleach")
_DURABLE = f"{DurableFileSystemStorage.__module__}.{DurableFileSystemStorage.__name__}"
_AT_THE_END = "At the end of the settings:"


@register()
def check_settings(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """Check each name in the dictionary, and those that must be there."""
    given = getattr(settings, SETTING, {})
    if not isinstance(given, Mapping):
        return [
            Error(
                f"{SETTING} must be a dictionary.",
                hint=paste(_AT_THE_END, assignment(SETTING, {"ENCRYPTION_KEYS": [_new_key()]})),
                id="wagtail_mailarchive.E001",
            )
        ]
    found: list[CheckMessage] = []
    for check in (_unknown, _keys, _workspaces, _storage, _values):
        found.extend(check(given))
    return found


def _set(name: str, value: str) -> str:
    """Return Python that sets one name; `value` is Python too."""
    if hasattr(settings, SETTING):
        return f'{SETTING}["{name}"] = {value}'
    return f'{SETTING} = {{\n    "{name}": {value},\n}}'


def _unknown(given: Mapping[str, Any]) -> Iterator[CheckMessage]:
    known = [field.name for field in fields(ArchiveSettings)]
    for name in unknown_names(given):
        meant = get_close_matches(str(name).upper(), known, n=1)
        renamed = bool(meant) and meant[0] not in given
        block = f"{SETTING}.pop({name!r})"
        if renamed:
            block = f'{SETTING}["{meant[0]}"] = {block}'
        yield Error(
            f"{SETTING} has no setting named {name!r}.",
            hint=paste("Correct the name, or at the end of the settings:", block),
            id="wagtail_mailarchive.E002",
        )


# -- keys ------------------------------------------------------------------------------------


def _new_key() -> str:
    return Fernet.generate_key().decode("ascii")


def _is_key(value: object) -> bool:
    try:
        Fernet(value)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return False
    return True


def _keys(given: Mapping[str, Any]) -> Iterator[CheckMessage]:
    """No message here may ever hold a key of the site; the one in a hint is new."""
    keys = given.get("ENCRYPTION_KEYS", ())
    name = f'{SETTING}["ENCRYPTION_KEYS"]'
    if not keys:
        yield Error(
            f"{name} is missing, so no password of a mail account can be stored.",
            hint=paste(
                "This key was made for you just now. Keep it where you keep SECRET_KEY: without "
                "it the stored passwords cannot be read.",
                _set("ENCRYPTION_KEYS", f'["{_new_key()}"]'),
            ),
            id="wagtail_mailarchive.E003",
        )
    elif isinstance(keys, str | bytes):
        value = f"[{name}]" if _is_key(keys) else f'["{_new_key()}"]'
        yield Error(
            f"{name} is a single value; it must be a list of keys.",
            hint=paste(_AT_THE_END, f"{name} = {value}"),
            id="wagtail_mailarchive.E004",
        )
    else:
        for number, key in enumerate(keys):
            if not _is_key(key):
                yield Error(
                    f"{name}[{number}] is not a Fernet key.",
                    hint=paste(
                        "Put the right key back if you have it. If it is lost, here is a new one; "
                        "passwords that the lost key sealed must be entered again:",
                        f'{name} = list({name})\n{name}[{number}] = "{_new_key()}"',
                    ),
                    id="wagtail_mailarchive.E004",
                )


# -- workspaces ------------------------------------------------------------------------------


def _site_page_types() -> list[str]:
    """Return the "app.Model" names of the site's own page types."""
    return [
        model._meta.label
        for model in get_page_models()
        if model is not Page and model._meta.app_label != "wagtail_mailarchive"
    ]


def _is_page_type(name: object) -> bool:
    if not isinstance(name, str):
        return False
    try:
        return issubclass(resolve_model_string(name, "wagtail_mailarchive"), Page)
    except (LookupError, ValueError):
        return False


def _workspaces(given: Mapping[str, Any]) -> Iterator[CheckMessage]:
    names = given.get("WORKSPACE_PAGE_TYPES")
    if names is None:
        yield Warning(
            "Email folders may be created under any page, personal areas included.",
            hint=paste(
                "Name the page types that may hold them; these are all that the site has:",
                _set("WORKSPACE_PAGE_TYPES", _listed(_site_page_types())),
            ),
            id="wagtail_mailarchive.W001",
        )
        return
    if isinstance(names, str):
        names = [names]
        wrong, right = names, [name for name in names if _is_page_type(name)]
        problem = "is a single name; it must be a list"
    else:
        wrong = [name for name in names if not _is_page_type(name)]
        right = [name for name in names if _is_page_type(name)]
        problem = f"names {', '.join(map(repr, wrong))}, which is no page type of this site"
    if wrong:
        yield Error(
            f'{SETTING}["WORKSPACE_PAGE_TYPES"] {problem}.',
            hint=paste(
                f"The site has {', '.join(_site_page_types()) or 'no page types'}. {_AT_THE_END}",
                _set("WORKSPACE_PAGE_TYPES", _listed(right or _site_page_types())),
            ),
            id="wagtail_mailarchive.E010",
        )


def _listed(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


# -- originals -------------------------------------------------------------------------------


def _storage(given: Mapping[str, Any]) -> Iterator[CheckMessage]:
    alias = given.get("ORIGINALS_STORAGE")
    if alias is None:
        return
    entry = settings.STORAGES.get(alias)
    if entry is None:
        durable = {"BACKEND": _DURABLE, "OPTIONS": {"location": "/var/lib/mailarchive-originals"}}
        if global_settings.STORAGES == settings.STORAGES:
            block = assignment("STORAGES", {**global_settings.STORAGES, str(alias): durable})
        else:
            block = f'STORAGES["{alias}"] = {durable!r}'
        yield Error(
            f'{SETTING}["ORIGINALS_STORAGE"] names {alias!r}, which is not in STORAGES.',
            hint=paste(f"{_AT_THE_END[:-1]}, with the folder of your choice:", block),
            id="wagtail_mailarchive.E007",
        )
    elif _loses_files(entry.get("BACKEND", "")):
        yield Error(
            f"The storage {alias!r} does not make files durable, so originals could be lost.",
            hint=paste(_AT_THE_END, f'STORAGES["{alias}"]["BACKEND"] = "{_DURABLE}"'),
            id="wagtail_mailarchive.E008",
        )


def _loses_files(backend: str) -> bool:
    try:
        storage = import_string(backend)
    except ImportError:
        # Django says so, and better, when the storage is first used.
        return False
    return issubclass(storage, FileSystemStorage) and not issubclass(
        storage, DurableFileSystemStorage
    )


# -- plain values ----------------------------------------------------------------------------


def _values(given: Mapping[str, Any]) -> Iterator[CheckMessage]:
    defaults = ArchiveSettings()
    for name, (code, is_right, words) in _RIGHT.items():
        if name not in given or is_right(given[name]):
            continue
        default = getattr(defaults, name)
        value = f'"{default}"' if isinstance(default, str) else repr(default)
        if name == "ALLOWED_MAIL_HOSTS":
            value = repr(_right_hosts(given[name]))
        yield Error(
            f'{SETTING}["{name}"] must be {words}.',
            hint=paste(_AT_THE_END, f'{SETTING}["{name}"] = {value}'),
            id=f"wagtail_mailarchive.{code}",
        )


def _is_sanitizer(value: object) -> bool:
    return value in SANITIZERS and find_spec(str(value)) is not None


def _is_template(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        get_template(value)
    except TemplateDoesNotExist:
        return False
    return True


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_positive(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _are_hosts(value: object) -> bool:
    return (
        not isinstance(value, str) and isinstance(value, Sequence) and all(map(is_mail_host, value))
    )


def _right_hosts(value: object) -> list[str]:
    given = [value] if isinstance(value, str) else value
    return [each for each in given if is_mail_host(each)] if isinstance(given, Sequence) else []


def _are_ports(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(_is_positive(port) and port <= 65535 for port in value)
    )


def _are_names(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(each, str) and each and each == each.strip() for each in value)
    )


def _may_look_up(value: object) -> bool:
    extra = ("dkim", "dns", "nacl")
    return value is False or (value is True and all(map(find_spec, extra)))


def _are_relation_kinds(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str)
        and 0 < len(name) <= 40
        and isinstance(labels, (tuple, list))
        and len(labels) == 2
        and all(isinstance(label, (str, Promise)) for label in labels)
        for name, labels in value.items()
    )


_RIGHT: dict[str, tuple[str, Callable[[object], bool], str]] = {
    "RELATION_KINDS": (
        "E046",
        _are_relation_kinds,
        "a dictionary of names, each with a pair of labels",
    ),
    "SANITIZER": ("E005", _is_sanitizer, '"nh3" or "bleach", and that package installed'),
    "COMMENT_MODERATION": (
        "E047",
        Moderation.values.__contains__,
        '"open", "first", "held" or "closed"',
    ),
    "COMMENTERS": ("E048", Commenters.values.__contains__, '"anyone", "login" or "groups"'),
    "NEW_FOLDER_PRIVACY": (
        "E006",
        PRIVACIES.__contains__,
        '"editors", "groups", "login" or "public"',
    ),
    "ALLOWED_MAIL_HOSTS": (
        "E009",
        _are_hosts,
        'a list of host names, addresses and networks, e.g. ["mail.intranet", "10.0.0.0/8"]',
    ),
    "ALLOWED_MAIL_PORTS": ("E011", _are_ports, "a list of port numbers"),
    "ALLOW_PLAINTEXT": ("E012", lambda value: isinstance(value, bool), "True or False"),
    "FETCH_INTERVAL": ("E013", _is_positive, "a number of minutes"),
    "TRASH_DAYS": ("E045", _is_count, "a number of days, 0 for no end"),
    "MAX_MESSAGE_SIZE": ("E014", _is_positive, "a number of bytes"),
    "READ_ATTACHMENTS": ("E018", lambda value: isinstance(value, bool), "True or False"),
    "TRUSTED_AUTHSERV_IDS": (
        "E035",
        _are_names,
        'a list of names as they stand in Authentication-Results, e.g. ["mx.example.org"]',
    ),
    "DKIM_LOOKUPS": ("E036", _may_look_up, "True or False, and True needs the extra [dkim]"),
    "BASE_TEMPLATE": ("E015", _is_template, "the name of a template that can be found"),
}
