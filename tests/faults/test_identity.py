"""Messages that say they are others, or do not say who they are.

Also: tests/fetching/test_run.py and test_anomalies.py (UIDVALIDITY, UIDNEXT, UIDs used again),
test_maildrop.py (unique-ids that are absent, shared, used again or new each time), and
tests/archive/test_writer.py (bytes that are in the folder already).
"""

from __future__ import annotations

import pytest

from tests import factories
from tests.servers.dovecot import Dovecot
from tests.servers.maildrop import Maildrop
from tests.servers.scripted import ScriptedServer
from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.fetching.foreground import fetch_now
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, MailAccount, RunStatus

pytestmark = pytest.mark.django_db

BODY = b"From: ada@example.org\r\n\r\nBody\r\n"


def archived() -> set[bytes]:
    return {originals.read(each.original) for each in EmailMessagePage.objects.all()}


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Message-ID:\r\n",
        b"Message-ID: <>\r\n",
        b"Message-ID: <" + b"x" * 100_000 + b"@example.org>\r\n",
        b"Message-ID: <one\r\n two\r\n three@example.org>\r\n",
        b"Message-ID: =?utf-8?q?=3Cone=0D=0Atwo=40example.org=3E?=\r\n",
    ],
    ids=["none", "empty", "only brackets", "100 kB", "folded", "encoded CRLF"],
)
def test_mail_of_any_message_id_is_archived_once_and_mail_of_the_same_one_beside_it(
    header: bytes, account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    raws = {header + b"Subject: %d\r\n" % number + BODY for number in range(2)}
    for raw in raws:
        dovecot.deliver(mail_user, raw)
    run = fetch_now(account).run
    assert (run.status, run.archived, run.quarantined) == (RunStatus.SUCCEEDED, 2, 0), run.error
    assert archived() == raws
    dovecot.bump_uidvalidity(mail_user)
    run = fetch_now(account).run
    assert (run.archived, run.duplicates) == (0, 2)


def test_unique_ids_longer_than_seventy_characters_name_their_messages_all_the_same(
    folder: EmailFolderPage,
) -> None:
    raws = [b"Subject: %d\r\n" % number + BODY for number in range(4)]
    # Alike in what a row would hold of them.
    maildrop = Maildrop(raws, name=lambda number, raw: "x" * 300 + raw[9:10].decode())
    with ScriptedServer(maildrop) as server:
        account = factories.account(folder, server.endpoint(), protocol="pop3")
        assert fetch_now(account).run.archived == 4
        del maildrop.messages[1]
        report = fetch_now(account)
    assert (report.run.archived, report.run.duplicates, report.run.on_server) == (0, 0, 3)
    assert report.run.adds_up
    assert maildrop.retrieved[1] == []
    assert archived() == set(raws)


def test_mail_under_several_labels_is_one_page(
    account: MailAccount, dovecot: Dovecot, mail_user: str
) -> None:
    """Gmail shows a message in the mailbox of each of its labels; its bytes are the same."""
    labels = ["INBOX", "Project", "Urgent"]
    raws = [b"Subject: %d\r\n" % number + BODY for number in range(3)]
    for label in labels:
        for raw in raws:
            dovecot.deliver(mail_user, raw, mailbox=label)
    account.mailboxes = labels
    account.save()
    run = fetch_now(account).run
    assert (run.archived, run.duplicates, run.on_server, run.adds_up) == (3, 6, 9, True)
    assert archived() == set(raws)
