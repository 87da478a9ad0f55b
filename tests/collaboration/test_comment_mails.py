"""Who is told of comments by mail: people who are mentioned, and moderators."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.utils import timezone
from wagtail.models import PageViewRestriction

from tests import factories
from tests.collaboration.test_comments import comment, message, moderator_of, signed_in, write
from wagtail_mailarchive.collaboration import comment_notices, comments
from wagtail_mailarchive.models import Comment, CommentNotice, CommentState

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return factories.user("ada", email="ada@example.org")


def test_who_is_mentioned_is_told_once_by_mail(ada: User) -> None:
    page = message()
    client = signed_in(factories.user("bo"))
    write(client, page, "What does @ada. say? mail@ada.example is nobody")
    assert comment_notices.send_due() == 1
    (told,) = mail.outbox
    one = Comment.objects.get()
    assert told.to == ["ada@example.org"]
    assert "bo mentioned you" in told.subject
    assert f"{page.url}comments/{one.pk}/" in told.body
    assert told.extra_headers["Auto-Submitted"] == "auto-generated"
    assert '<span class="mailarchive-mention">@ada</span>.' in client.get(page.url).content.decode()
    comments.edit(one, one.author, "Once more, @ada")
    assert comment_notices.send_due() == 0


def test_sending_is_a_task_that_is_told_nothing(
    ada: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(comment_notices, "async_task", lambda *given: asked.append(given))
    with django_capture_on_commit_callbacks(execute=True):
        write(signed_in(), message(), "@ada")
    assert asked == [(comment_notices.SEND,)]


def test_who_may_not_read_the_message_is_neither_marked_nor_told(ada: User) -> None:
    page = message(privacy="groups")
    write(signed_in(factories.superuser()), page, "@ada")
    assert Comment.objects.count() == 1
    assert not CommentNotice.objects.exists()


def test_who_may_not_read_it_any_more_is_not_told(ada: User) -> None:
    page = message()
    write(signed_in(), page, "@ada")
    PageViewRestriction.objects.create(page=page.page_ptr, restriction_type="groups")
    assert comment_notices.send_due() == 0
    assert mail.outbox == []


def test_guests_mention_nobody(ada: User) -> None:
    page = message(commenters="anyone")
    write(factories_client(), page, "@ada", name="Guest")
    assert not CommentNotice.objects.exists()


def factories_client() -> Any:
    from django.test import Client

    return Client()


def test_a_held_comment_tells_whom_it_mentions_once_it_is_approved(ada: User) -> None:
    page = message("held")
    write(signed_in(), page, "@ada")
    assert comment_notices.send_due() == 0
    comments.decide(Comment.objects.all(), factories.superuser(), approved=True)
    comment_notices.send_due()
    assert ["ada@example.org"] in [each.to for each in mail.outbox]


def test_moderators_are_told_that_comments_wait_and_not_for_each() -> None:
    page = message("held")
    moderator_of(page)
    client = signed_in()
    write(client, page, "One")
    write(client, page, "Two")
    assert comment_notices.send_due() == 1
    assert mail.outbox[0].subject == f"2 comments wait in {page.folder.title}"
    assert f"/admin/mailarchive/comments/?folder={page.folder_id}" in mail.outbox[0].body
    write(client, page, "Three")
    assert comment_notices.send_due() == 0
    assert CommentNotice.objects.filter(try_at__gt=timezone.now()).count() == 1
    CommentNotice.objects.update(try_at=timezone.now() - timedelta(seconds=1))
    assert comment_notices.send_due() == 1


def test_moderators_are_not_told_of_what_was_decided_meanwhile() -> None:
    page = message("held")
    moderator_of(page)
    write(signed_in(), page)
    Comment.objects.update(state=CommentState.REJECTED)
    assert comment_notices.send_due() == 0


def test_a_mail_server_that_fails_is_tried_again(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(signed_in(), message(), "@ada")

    def fail(*args: Any, **kwargs: Any) -> int:
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr("django.core.mail.EmailMessage.send", fail)
        assert comment_notices.send_due() == 0
    assert comment_notices.send_due() == 0
    CommentNotice.objects.update(try_at=timezone.now() - timedelta(seconds=1))
    assert comment_notices.send_due() == 1


def test_names_of_ten_people_at_most_are_told() -> None:
    users = [factories.user(f"person{number}", email="p@example.org") for number in range(12)]
    page = message()
    one = comment(page, factories.user(), text="")
    comments.edit(one, one.author, " ".join(f"@{each.username}" for each in users))
    assert CommentNotice.objects.count() == 10
