"""Things that tests need in the database, made the way the site itself makes them."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.message import EmailMessage
from typing import Any

from django.contrib.auth.models import User
from wagtail.models import Page, PageViewRestriction

from tests.site.models import PersonalPage, WorkspacePage
from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.archive.writer import Incoming, Writer
from wagtail_mailarchive.exceptions import MessageError
from wagtail_mailarchive.mime.message import ParsedMessage
from wagtail_mailarchive.mime.parser import parse
from wagtail_mailarchive.models import (
    EmailFolderPage,
    EmailMessagePage,
    FetchRun,
    MailAccount,
    Mailbox,
    Outcome,
    RunStatus,
    Trigger,
)
from wagtail_mailarchive.models.ledger import LedgerEntry
from wagtail_mailarchive.sources.base import Endpoint

_numbers = itertools.count(1)


def home() -> Page:
    """The root page of the default site."""
    return Page.objects.get(depth=2)


def workspace(title: str = "Workspace", parent: Page | None = None) -> WorkspacePage:
    page = WorkspacePage(title=f"{title} {next(_numbers)}")
    (parent or home()).add_child(instance=page)
    return page


def personal_page() -> PersonalPage:
    page = PersonalPage(title=f"Personal {next(_numbers)}")
    home().add_child(instance=page)
    return page


def folder(
    parent: Page | None = None, *, privacy: str = "public", title: str = "Mail"
) -> EmailFolderPage:
    """A live folder; `privacy` is "public", "login" or "groups"."""
    page = EmailFolderPage(title=title, slug=f"mail-{next(_numbers)}")
    (parent or workspace()).add_child(instance=page)
    PageViewRestriction.objects.filter(page=page).delete()
    if privacy != "public":
        PageViewRestriction.objects.create(page=page.page_ptr, restriction_type=privacy)
    return page


def account(
    folder: EmailFolderPage, endpoint: Endpoint | None = None, **values: object
) -> MailAccount:
    """An account of `folder` that reaches `endpoint` (a server that is nowhere without one)."""
    number = next(_numbers)
    given: dict[str, object] = {
        "name": f"Account {number}",
        "email": f"account{number}@example.org",
        "host": "imap.example.org",
        "username": f"account{number}",
    }
    secret = "secret"
    if endpoint is not None:
        secret = endpoint.secret
        given |= {
            "host": endpoint.host,
            "port": endpoint.port,
            "security": endpoint.security.value,
            "username": endpoint.username,
            "ca_certificate": endpoint.ca_certificate,
        }
    made = MailAccount(folder=folder, **(given | values))
    made.set_secret(secret)
    made.save()
    return made


def fetch_run(account: MailAccount, status: RunStatus, **values: Any) -> FetchRun:
    """A run over `account`, as the schedule would have requested it."""
    return FetchRun.objects.create(
        account=account,
        account_name=account.name,
        folder=account.folder,
        trigger=Trigger.SCHEDULE,
        status=status,
        **values,
    )


def user(name: str | None = None, **values: Any) -> User:
    return User.objects.create_user(
        username=name or f"user{next(_numbers)}", password="password", **values
    )


def superuser(name: str | None = None) -> User:
    return user(name, is_superuser=True, is_staff=True)


def raw(subject: str = "Subject", body: str = "Body\n", **headers: str) -> bytes:
    """A small message; `headers` with "_" for "-", e.g. Message_ID="<a@example.org>"."""
    number = next(_numbers)
    given = {
        "From": "Ada Lovelace <ada@example.org>",
        "To": "Charles Babbage <charles@example.org>",
        "Date": "Thu, 05 Mar 2026 14:30:00 +0100",
        "Message-ID": f"<message{number}@example.org>",
        "Subject": subject,
    }
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    if _TEXT.fullmatch(body) and all(
        _PLAIN.fullmatch(f"{name}: {value}") for name, value in given.items()
    ):
        return plain(given, body)
    return composed(given, body)


def composed(headers: Mapping[str, str], body: str) -> bytes:
    """The message as Python's own library writes it."""
    message = EmailMessage()
    for name, value in headers.items():
        if value:
            message[name] = value
    message.set_content(body)
    return message.as_bytes()


# Values that EmailMessage writes as they are given; it takes thirty times as long.
_PLAIN = re.compile(
    r"(From|To): [A-Za-z]+( [A-Za-z]+)? <\w+@example\.org>"
    r"|Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}"
    r"|(Message-ID|In-Reply-To): <\w{1,40}@example\.org>"
    r"|Subject: \w[\w ]{0,50}\w",
    re.ASCII,
)


_TEXT = re.compile(r"([ -~]{0,78}\n)+")


def plain(headers: Mapping[str, str], body: str) -> bytes:
    """The same, of headers like _PLAIN and a body like _TEXT."""
    lines = [
        *(f"{name}: {value}" for name, value in headers.items()),
        'Content-Type: text/plain; charset="utf-8"',
        "Content-Transfer-Encoding: 7bit",
        "MIME-Version: 1.0",
        "",
        body,
    ]
    return "\n".join(lines).encode()


def archive(
    folder: EmailFolderPage,
    *raws: bytes,
    received_at: datetime | None = None,
    uidvalidity: int = 1,
    parsed: Sequence[ParsedMessage | MessageError] | None = None,
) -> list[EmailMessagePage]:
    """Archive `raws` in `folder` as a fetch would, in one batch; return their pages in order."""
    mailbox, _ = Mailbox.objects.get_or_create(account=None, folder=folder, name="factory")
    writer = Writer(mailbox, uidvalidity, fence=lambda: None, also=_ignore)
    incoming = []
    for position, each in enumerate(raws):
        incoming.append(
            Incoming(
                uid=next(_numbers),
                received_at=received_at,
                original=originals.prepare([each]),
                parsed=parsed[position] if parsed else storable(parse(each)),
            )
        )
    writer.write(incoming)
    entries = LedgerEntry.objects.filter(mailbox=mailbox, uid__in=[each.uid for each in incoming])
    pages = {entry.uid: entry.message for entry in entries.select_related("message")}
    return [page for each in incoming if (page := pages[each.uid]) is not None]


def storable(parsed: ParsedMessage) -> ParsedMessage:
    """What the parser's process would have handed over."""
    return ParsedMessage.from_json(parsed.to_json())


def _ignore(outcomes: Counter[Outcome], size: int) -> None:
    """Nobody counts here."""
