"""Mail in the trash: nowhere to be seen, whole when it comes back, and gone once it is erased."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import include, path
from wagtail.models import PageViewRestriction

from tests import factories
from tests.admin.conftest import browser_of
from tests.collaboration.following import comment, follow, work
from tests.reading import test_api as api
from wagtail_mailarchive.archive import erasing, trash
from wagtail_mailarchive.archive.tagging import add_tags, tags_of
from wagtail_mailarchive.models import (
    Annotation,
    Attachment,
    Comment,
    EmailFolderPage,
    EmailMessagePage,
    Relation,
    TaggedMessage,
)
from wagtail_mailarchive.models.relation import Target

pytestmark = pytest.mark.django_db
WORD = "Heliotrope"
urlpatterns = [path("api/v2/", api.router.urls), path("", include("tests.urls"))]


def raw() -> bytes:
    message = EmailMessage()
    message["From"] = f"{WORD} <ada@example.org>"
    message["Date"] = "Thu, 05 Mar 2026 14:30:00 +0100"
    message["Message-ID"] = "<plan@example.org>"
    message["Subject"] = f"{WORD} plan"
    message.set_content(f"The {WORD} text\n")
    message.add_attachment(b"1;2\n", "text", "csv", filename=f"{WORD}.csv")
    return message.as_bytes()


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


@pytest.fixture
def mail_page(folder: EmailFolderPage) -> EmailMessagePage:
    """In a thread of two, and with all that people can add to it."""
    mail_page, other = factories.archive(
        folder,
        raw(),
        factories.raw("Re: plan", In_Reply_To="<plan@example.org>"),
    )
    ada = factories.user("ada")
    comment(mail_page, ada, f"{WORD}, says Ada")
    note = {"folder": folder, "original_sha256": mail_page.original.sha256, "author": ada}
    first = Annotation.objects.create(
        message=mail_page,
        exact=WORD,
        start=4,
        end=14,
        note=f"{WORD} noted",
        author_name="Ada",
        **note,
    )
    Annotation.objects.create(
        message=mail_page, parent=first, note=f"{WORD} replied", author_name="Ada", **note
    )
    add_tags([mail_page], [WORD], ada)
    for message, target in ((mail_page, Target.of(other)), (other, Target.of(mail_page))):
        assert target is not None
        Relation.objects.create(
            message=message, kind="about", target=str(target), note="See", author_name="Ada"
        )
    return mail_page


def addresses(mail_page: EmailMessagePage) -> list[str]:
    folder = mail_page.folder.url
    return [
        *(f"{folder}{view}" for view in ("", "?view=date", "?view=sender", "activity/", "notes/")),
        *(f"{folder}{name}" for name in ("feed/", "attachments/", "mid/", "mid/plan@example.org/")),
        *(f"{folder}?q={WORD}", f"{folder}?q=tag:{WORD}", f"{folder}?month=2026-03"),
        *(
            f"{folder}thread/{mail_page.thread_id}/{name}"
            for name in ("", "feed/", "mbox/", "zip/")
        ),
        *(f"{mail_page.url}{name}" for name in ("", "headers/", "original/", "attachment/0/")),
        *(f"{mail_page.url}{name}" for name in ("annotations/", "annotations/json/", "comments/")),
        *(f"/mail/search/?q={WORD}", f"/mail/search/feed/?q={WORD}"),
        *(
            f"{api.MESSAGES}{mail_page.pk}/",
            f"{api.MESSAGES}?limit=5",
            f"{api.THREADS}?limit=5",
        ),
        f"{api.THREADS}{mail_page.thread_id}/",
        EmailMessagePage.objects.exclude(pk=mail_page.pk).get().url,
    ]


def told(browser: Client, address: str) -> str:
    answer: Any = browser.get(address)
    return (b"".join(answer) if answer.streaming else answer.content).decode(errors="replace")


def telling(mail_page: EmailMessagePage, user: User) -> list[str]:
    """Return the addresses that tell of the message, in any form."""
    browser = browser_of(user)
    with override_settings(ROOT_URLCONF=__name__):
        return [each for each in addresses(mail_page) if _is_told(browser, each)]


def _is_told(browser: Client, address: str) -> bool:
    shown = unquote(told(browser, address))
    # What was asked may be shown again.
    for asked in (f"q={WORD}", f"tag:{WORD}", f'value="{WORD}', f"“{WORD}"):
        shown = shown.replace(asked, "")
    return WORD in shown


def test_nothing_tells_of_what_is_in_the_trash(mail_page: EmailMessagePage) -> None:
    """Nor of what people wrote about it, superusers included, outside the trash itself."""
    user = factories.superuser()
    before = telling(mail_page, user)
    # Else the test would show nothing.
    assert len(before) >= 20
    trash.put(mail_page.folder_id, [mail_page.pk], user_id=None, reason="")
    assert telling(mail_page, user) == []
    trash.restore(mail_page.folder_id, [mail_page.pk])
    assert telling(mail_page, user) == before


def test_nobody_is_told_by_mail_of_what_is_in_the_trash(
    folder: EmailFolderPage, mailoutbox: list[Any]
) -> None:
    reader = factories.user(email="reader@example.org")
    follow(reader, folder=folder, comments=True)
    work()
    gone, stays = factories.archive(folder, factories.raw(WORD), factories.raw("Stays"))
    comment(gone, factories.user(), f"{WORD} commented")
    trash.put(folder.pk, [gone.pk], user_id=None, reason="")
    work()
    [mail] = mailoutbox
    assert stays.subject in mail.body
    assert WORD not in f"{mail.subject} {mail.message()}"


def test_what_people_added_comes_back_unchanged(mail_page: EmailMessagePage) -> None:
    PageViewRestriction.objects.create(page=mail_page.page_ptr, restriction_type="login")

    def added() -> list[Any]:
        of_pages = [model.objects.order_by("pk").values() for model in (Comment, Annotation)]
        others = [model.objects.order_by("pk").values() for model in (Relation, TaggedMessage)]
        restrictions = PageViewRestriction.objects.order_by("pk").values()
        return [list(rows) for rows in (*of_pages, *others, restrictions)]

    before = added()
    trash.put(mail_page.folder_id, [mail_page.pk], user_id=None, reason="")
    assert added() == before
    trash.restore(mail_page.folder_id, [mail_page.pk])
    assert added() == before
    assert tags_of([mail_page.pk]) == {mail_page.pk: [WORD]}


def test_erasing_takes_what_people_added_along_and_keeps_comments_if_asked(
    mail_page: EmailMessagePage,
) -> None:
    folder_id = mail_page.folder_id
    trash.put(folder_id, [mail_page.pk], user_id=None, reason="")
    erasing.erase(folder_id, [mail_page.pk], user_id=None, reason="Asked for", keep_comments=True)
    for model in (Comment, Annotation, TaggedMessage):
        assert not model._default_manager.exists()
    assert not Attachment.objects.filter(filename__contains=WORD).exists()
    # The other end of a relation says that there was something, and not what.
    other = EmailMessagePage.objects.get()
    assert WORD not in told(Client(), other.url)
