"""What is known about who sent a message, in neutral words.

Two sources: what a server that the site trusts wrote into the message when it came, and what this
archive found out itself about DKIM signatures. Neither says that a message is good or bad.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from django.utils.translation import gettext

from ..conf import archive_settings
from ..mime.details import Reported, Trait
from ..models import DkimSignature

# What people have heard of, in this order; others say nothing to a reader.
_METHODS = {"dkim": "DKIM", "spf": "SPF", "dmarc": "DMARC", "arc": "ARC"}
_ORDER = list(_METHODS)
# A mailing list may leave many signatures.
_MOST = 8
_RESULTS = frozenset(
    {"pass", "fail", "softfail", "neutral", "none", "policy", "temperror", "permerror"}
)


@dataclass(frozen=True, slots=True)
class Report:
    """What one server reports, e.g. ["DKIM pass for example.org", "SPF pass"]."""

    server: str
    results: list[str]


@dataclass(frozen=True, slots=True)
class Checked:
    """One DKIM signature that this archive checked itself."""

    domain: str
    selector: str
    verdict: str
    key: str
    at: datetime


def reports(found: Iterable[Reported]) -> list[Report]:
    """Return what the site's trusted servers report.

    Each server writes its field above those it finds. So only the topmost count, down to the
    first that is of somebody else or says nothing: what is below may be the sender's own, under a
    trusted name, in mail that never came by that server. Of each server and method only the
    topmost field counts, too.
    """
    trusted = {each.lower() for each in archive_settings().TRUSTED_AUTHSERV_IDS}
    topmost: dict[tuple[str, str], int] = {}
    results: dict[str, list[tuple[int, str]]] = {}
    last = -1
    for each in found:
        if each.server not in trusted or each.field > last + 1:
            break
        last = each.field
        if each.method not in _METHODS or each.result not in _RESULTS:
            continue
        if topmost.setdefault((each.server, each.method), each.field) == each.field:
            place = _ORDER.index(each.method)
            results.setdefault(each.server, []).append((place, _words(each)))
    return [
        Report(server, [words for _, words in sorted(told, key=itemgetter(0))][:_MOST])
        for server, told in results.items()
    ]


def _words(reported: Reported) -> str:
    values = {
        "method": _METHODS[reported.method],
        "result": reported.result,
        "domain": reported.about.rpartition("@")[2],
    }
    if values["domain"]:
        return gettext("%(method)s %(result)s for %(domain)s") % values
    return gettext("%(method)s %(result)s") % values


def checked(signatures: Sequence[DkimSignature]) -> list[Checked]:
    """Return the signatures that were checked here, in the header's order."""
    return [
        Checked(each.domain, each.selector, each.get_verdict_display(), each.key, each.checked_at)
        for each in signatures
    ]


def protections(traits: Iterable[str]) -> list[str]:
    """Return sentences about signatures and encryption that this archive does not look into."""
    signed = gettext(
        "Signed with %s. The signature is kept with the original and was not checked here."
    )
    encrypted = gettext(
        "Encrypted with %s. Only its recipient can read it: download the original and open it in "
        "a mail program that has the key."
    )
    sentences = {
        Trait.SMIME_SIGNED: signed % "S/MIME",
        Trait.PGP_SIGNED: signed % "OpenPGP",
        Trait.SMIME_ENCRYPTED: encrypted % "S/MIME",
        Trait.PGP_ENCRYPTED: encrypted % "OpenPGP",
        Trait.SMIME: gettext(
            "Signed or encrypted with S/MIME. Download the original and open it in a mail program."
        ),
    }
    return [sentence for trait, sentence in sentences.items() if trait in traits]
