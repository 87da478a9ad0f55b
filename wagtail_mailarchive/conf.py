"""The site's settings: one dictionary, `WAGTAIL_MAILARCHIVE`, every key optional but the keys.

    WAGTAIL_MAILARCHIVE = {
        "ENCRYPTION_KEYS": ["..."],
        "WORKSPACE_PAGE_TYPES": ["intranet.WorkspacePage"],
    }

docs/reference/settings.md explains each of them to site owners.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Any

from django.conf import settings

from .sources.base import Reach
from .sources.oauth_provider import Provider, read_provider

SETTING = "WAGTAIL_MAILARCHIVE"
DATABASE = "database"  # what searches where nothing else does
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True, kw_only=True)
class ArchiveSettings:
    """What a site may decide.

    Attributes:
        ENCRYPTION_KEYS: Fernet keys for account secrets; the first encrypts, all decrypt.
        WORKSPACE_PAGE_TYPES: "app.Model" names of pages that may hold email folders; None = any.
        NEW_FOLDER_PRIVACY: who reads a new folder: "editors" (superusers and the groups that may
            edit or publish it), "groups" (nobody but superusers until groups are chosen), "login"
            (anyone signed in) or "public".
        COMMENT_MODERATION: which comments wait for a moderator where a folder does not say:
            "open" (none), "first" (a person's first), "held" (all) or "closed" (nobody comments).
        COMMENTERS: who may comment where a folder does not say: "anyone", "login" or "groups".
        RELATION_KINDS: the site's own kinds of relations: name -> (label on the message, label on
            what it is related to), e.g. {"contract": ("is filed under", "holds")}.
        BASE_TEMPLATE: the template that folder and message pages extend.
        SANITIZER: "nh3" or "bleach".
        ORIGINALS_STORAGE: alias in STORAGES for originals; None keeps them in the database.
        FETCH_INTERVAL: minutes between two fetches of an account that names no interval.
        MAX_MESSAGE_SIZE: bytes; larger messages stay on the server and are listed as too large.
        ALLOW_SERVER_DELETION: whether accounts may delete archived mail from the server.
        VERIFY_SAMPLE: originals that are read and compared each day; 0 for none.
        READ_ATTACHMENTS: whether text and pictures are read out of attachments after each fetch.
        TRUSTED_AUTHSERV_IDS: names under which the site's own mail servers report in
            Authentication-Results (RFC 8601); only what they say is shown to readers.
        TRASH_DAYS: how long mail stays in the trash; 0 for until somebody empties it. Mail that is
            nowhere else stays in any case.
        DKIM_LOOKUPS: whether keys of DKIM signatures are looked up in the DNS after each fetch.
        ALLOW_PLAINTEXT: whether accounts may use connections without TLS.
        ALLOWED_MAIL_HOSTS: host names and networks (CIDR) that may be reached although they are
            not public addresses, e.g. ["mail.intranet", "10.0.0.0/8"].
        ALLOWED_MAIL_PORTS: the ports that may be connected to.
        SEARCH_LANGUAGE: what search reduces words to their stems by: "simple" (not at all),
            "english", or on PostgreSQL the name of any text search configuration.
        SEARCH_BACKEND: what answers readers' searches: "database", or the alias of an
            Elasticsearch or OpenSearch backend among the site's search backends.
        OAUTH_PROVIDERS: alias -> entry of a provider that accounts can sign in at; see
            `sources.oauth_provider`.
    """

    ENCRYPTION_KEYS: Sequence[str] = field(default=(), repr=False)
    WORKSPACE_PAGE_TYPES: Sequence[str] | None = None
    NEW_FOLDER_PRIVACY: str = "editors"
    COMMENT_MODERATION: str = "open"
    COMMENTERS: str = "login"
    RELATION_KINDS: Mapping[str, Sequence[str]] = field(default_factory=dict)
    BASE_TEMPLATE: str = "wagtail_mailarchive/base.html"
    SANITIZER: str = "nh3"
    ORIGINALS_STORAGE: str | None = None
    FETCH_INTERVAL: int = 30
    MAX_MESSAGE_SIZE: int = 150 * 1024 * 1024
    ALLOW_SERVER_DELETION: bool = True
    VERIFY_SAMPLE: int = 100
    READ_ATTACHMENTS: bool = True
    TRUSTED_AUTHSERV_IDS: Sequence[str] = ()
    DKIM_LOOKUPS: bool = False
    TRASH_DAYS: int = 30
    ALLOW_PLAINTEXT: bool = False
    ALLOWED_MAIL_HOSTS: Sequence[str] = ()
    ALLOWED_MAIL_PORTS: Sequence[int] = (143, 993, 110, 995)
    SEARCH_LANGUAGE: str = "simple"
    SEARCH_BACKEND: str = DATABASE
    OAUTH_PROVIDERS: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    def reach(self) -> Reach:
        """Return the SSRF guard's rules."""
        hosts, networks = [], []
        for entry in self.ALLOWED_MAIL_HOSTS:
            try:
                networks.append(ipaddress.ip_network(entry))
            except ValueError:
                hosts.append(entry.lower().rstrip("."))
        return Reach(
            allowed_hosts=frozenset(hosts),
            allowed_networks=tuple(networks),
            allowed_ports=frozenset(self.ALLOWED_MAIL_PORTS),
            allow_plaintext=self.ALLOW_PLAINTEXT,
        )

    def oauth_providers(self) -> dict[str, Provider]:
        """Return alias -> provider; of entries that mean none, a system check tells."""
        found = {}
        for alias, entry in self.OAUTH_PROVIDERS.items():
            with suppress(ValueError):
                found[alias] = read_provider(alias, entry)
        return found


_NAMES = frozenset(field.name for field in fields(ArchiveSettings))


def archive_settings() -> ArchiveSettings:
    """Return the site's settings as they are now.

    What is no setting is left to the system checks to tell of; were it an error here, it would
    end them before they can.
    """
    given = getattr(settings, SETTING, {})
    if not isinstance(given, Mapping):
        return ArchiveSettings()
    return ArchiveSettings(**{name: given[name] for name in given if name in _NAMES})


def unknown_names(given: Mapping[str, Any]) -> list[str]:
    """Return the names in `given` that are no settings, sorted."""
    return sorted(set(given) - _NAMES)


def is_mail_host(entry: object) -> bool:
    """Whether `entry` may stand in ALLOWED_MAIL_HOSTS: a host name, an address or a network."""
    if not isinstance(entry, str):
        return False
    try:
        ipaddress.ip_network(entry)
    except ValueError:
        # What consists of digits and dots, or holds a slash or colon, was meant as an address.
        return bool(_HOST_NAME.fullmatch(entry)) and not re.fullmatch(r"[\d.]+", entry)
    return True
