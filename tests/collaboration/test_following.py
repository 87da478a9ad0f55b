"""Followers are told of what they may read, once, and of nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group, User
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ
from pytest_django import Settings
from wagtail.models import Page, PageViewRestriction
from wagtail.users.models import UserProfile

from tests import factories
from tests.collaboration.following import comment, follow, work
from tests.plans import plan_of, walks_over_messages
from wagtail_mailarchive import tasks
from wagtail_mailarchive.archive import erasing, folder_trash, trash
from wagtail_mailarchive.collaboration import following
from wagtail_mailarchive.models import (
    ArchiveSiteSettings,
    Comment,
    CommentState,
    Delivery,
    EmailFolderPage,
    EmailMessagePage,
    Follow,
    Pace,
    RunStatus,
    SavedSearch,
)
from wagtail_mailarchive.signals import run_finished

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder(title="Sales", privacy="login")


@pytest.fixture
def reader() -> User:
    return factories.user(email="reader@example.org")


def test_new_mail_is_told_once_and_what_was_there_is_not(
    folder: EmailFolderPage, reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    factories.archive(folder, factories.raw("Old"))
    follow(reader, folder=folder)
    work()
    assert mailoutbox == []
    [message] = factories.archive(folder, factories.raw("Offer", "The price is 5.\n"))
    work()
    work()
    [mail] = mailoutbox
    assert (mail.subject, mail.to) == ("Sales: 1 new message", ["reader@example.org"])
    assert "Offer" in mail.body
    assert "Old" not in mail.body
    assert message.full_url in mail.body
    [(html, kind)] = mail.alternatives
    assert kind == "text/html"
    assert f'<a href="{message.full_url}" dir="auto">Offer</a>' in str(html)
    delivery = Delivery.objects.get()
    assert delivery.sent_at is not None
    assert (delivery.messages, delivery.number) == (1, 1)


def test_the_mail_says_what_it_is_to_programs(
    folder: EmailFolderPage, reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    followed = follow(reader, folder=folder)
    factories.archive(folder, factories.raw())
    work()
    headers = mailoutbox[0].extra_headers
    assert headers["List-Unsubscribe"] == f"<http://localhost/mail/u/{followed.token}/>"
    # Longer ones are folded by mailers, and then one click does nothing.
    assert len(headers["List-Unsubscribe"]) < 70
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Id"].startswith(f"<follow-{followed.pk}.")
    assert headers["Auto-Submitted"] == "auto-generated"


def test_a_thread_and_a_search_tell_of_their_own_mail_only(
    folder: EmailFolderPage, reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    [first] = factories.archive(folder, factories.raw("Plan", Message_ID="<plan@example.org>"))
    follow(reader, folder=folder, message=first)
    search = SavedSearch.objects.create(owner=reader, name="Prices", query="price -secret")
    follow(reader, search=search)
    factories.archive(
        folder,
        factories.raw("Re: Plan", In_Reply_To="<plan@example.org>"),
        factories.raw("Offer", "The price is 5.\n"),
        factories.raw("Other", "The price is secret.\n"),
        # Long ago by its date, and new here all the same.
        factories.raw("Antique", "The price was 3.\n", Date="Thu, 05 Mar 1998 14:30:00 +0100"),
    )
    work()
    told = {mail.subject: mail.body for mail in mailoutbox}
    assert sorted(told) == ["Plan: 1 new message", "Prices: 2 new messages"]
    assert "Re: Plan" in told["Plan: 1 new message"]
    found = told["Prices: 2 new messages"]
    assert "Offer" in found
    assert "Antique" in found
    assert "Other" not in found


def test_a_search_finds_new_mail_among_much_that_was_there(
    folder: EmailFolderPage, reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    old = [
        factories.raw(f"Old {day}", "price\n", Date=f"{day} Mar 2026 12:00:00 +0000")
        for day in range(1, 31)
    ]
    factories.archive(folder, *old)
    search = SavedSearch.objects.create(owner=reader, name="Prices", query="price", folder=folder)
    follow(reader, search=search, folder=folder)
    factories.archive(
        folder,
        factories.raw("New first", "price\n", Date="28 Feb 2026 12:00:00 +0000"),
        factories.raw("Nothing", "peace\n", Date="15 Mar 2026 12:00:00 +0000"),
        factories.raw("New last", "price\n", Date="31 Mar 2026 12:00:00 +0000"),
    )
    work()
    [mail] = mailoutbox
    assert mail.subject == "Prices: 2 new messages"
    assert "New first" in mail.body
    assert "New last" in mail.body


def test_comments_are_told_to_others_once_they_are_shown(
    folder: EmailFolderPage, reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    [message] = factories.archive(folder, factories.raw("Plan"))
    follow(reader, folder=folder, mail=False, comments=True)
    other = factories.user("grace")
    comment(message, other, "Good idea")
    comment(message, reader, "Mine")
    held = comment(message, other, "Later", state=CommentState.HELD)
    work()
    [mail] = mailoutbox
    assert mail.subject == "Sales: 1 new comment"
    assert "grace on “Plan”:" in mail.body
    assert "Good idea" in mail.body
    assert "Mine" not in mail.body
    held.state, held.decided_at = CommentState.SHOWN, timezone.now() - timedelta(seconds=61)
    held.save()
    Follow.objects.update(comments_until=timezone.now() - timedelta(seconds=80))
    work()
    assert "Later" in mailoutbox[1].body
    assert "Good idea" not in mailoutbox[1].body


def test_who_may_no_longer_read_is_told_nothing(
    folder: EmailFolderPage, reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    follow(reader, folder=folder, comments=True)
    messages = factories.archive(folder, factories.raw("Open"), factories.raw("Closed"))
    closed = PageViewRestriction.objects.create(
        page=messages[1].page_ptr, restriction_type=PageViewRestriction.GROUPS
    )
    comment(messages[1], factories.user(), "About what is closed")
    work()
    [mail] = mailoutbox
    assert mail.subject == "Sales: 1 new message"
    assert "Closed" not in mail.body + str(mail.alternatives)
    assert "About what is closed" not in mail.body
    # The folder itself, between the note that a mail is due and its sending.
    factories.archive(folder, factories.raw("Secret"))
    closed.delete()
    Follow.objects.update(due_at=timezone.now())
    for each in Follow.objects.all():
        following._look(each)
    assert Delivery.objects.filter(sent_at=None).count() == 1
    PageViewRestriction.objects.create(
        page=Page.objects.get(pk=folder.get_parent().pk),
        restriction_type=PageViewRestriction.GROUPS,
    ).groups.add(Group.objects.create(name="Others"))
    work()
    assert len(mailoutbox) == 1
    assert not Delivery.objects.filter(sent_at=None).exists()


def test_what_went_to_the_trash_before_the_mail_left_is_not_told(
    folder: EmailFolderPage, reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    follow(reader, folder=folder)
    [gone, _stays] = factories.archive(folder, factories.raw("Gone"), factories.raw("Stays"))
    comment(gone, factories.user(), "About what is gone")
    trash.put(folder.pk, [gone.pk], user_id=None, reason="")
    work()
    [mail] = mailoutbox
    assert mail.subject == "Sales: 1 new message"
    assert "Gone" not in mail.body + str(mail.alternatives)
    folder_trash.put(folder, user_id=None, reason="")
    factories.archive(folder, factories.raw("Late"))
    work()
    assert len(mailoutbox) == 1


def test_a_thread_is_followed_as_long_as_some_of_it_is_left(
    folder: EmailFolderPage, reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    plan, answer = factories.archive(
        folder,
        factories.raw("Plan", Message_ID="<plan@example.org>"),
        factories.raw("Re: Plan", In_Reply_To="<plan@example.org>"),
    )
    follow(reader, folder=folder, message=plan)
    trash.put(folder.pk, [plan.pk], user_id=None, reason="")
    erasing.erase(folder.pk, [plan.pk], user_id=None, reason="Asked for")
    assert Follow.objects.get().message == answer
    # One who follows it by both, since its threads were merged, follows it once.
    factories.archive(folder, factories.raw("Re: Plan", References="<plan@example.org>"))
    last = EmailMessagePage.objects.get(thread=answer.thread_id, pk__gt=answer.pk)
    follow(reader, folder=folder, message=last)
    work()
    assert [mail.subject for mail in mailoutbox] == ["Re: Plan: 1 new message"]
    for message in (answer, last):
        trash.put(folder.pk, [message.pk], user_id=None, reason="")
        erasing.erase(folder.pk, [message.pk], user_id=None, reason="Asked for")
        assert Follow.objects.count() == (1 if message == answer else 0)


def test_a_password_in_the_browser_opens_nothing_by_mail(
    reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    folder = factories.folder()
    PageViewRestriction.objects.create(
        page=folder.page_ptr, restriction_type=PageViewRestriction.PASSWORD, password="sesame"
    )
    follow(reader, folder=folder)
    factories.archive(folder, factories.raw())
    work()
    assert mailoutbox == []


@pytest.mark.parametrize("values", [{"is_active": False}, {"email": ""}])
def test_nobody_who_left_is_told(
    folder: EmailFolderPage,
    reader: User,
    mailoutbox: list[EmailMultiAlternatives],
    values: dict[str, Any],
) -> None:
    follow(reader, folder=folder)
    factories.archive(folder, factories.raw())
    User.objects.filter(pk=reader.pk).update(**values)
    work()
    assert mailoutbox == []


def test_nothing_is_sent_while_the_site_is_switched_off(
    folder: EmailFolderPage, reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    follow(reader, folder=folder)
    factories.archive(folder, factories.raw())
    ArchiveSiteSettings.objects.create(is_on=False)
    work()
    assert mailoutbox == []


def test_an_account_that_archives_our_mails_makes_no_loop(
    folder: EmailFolderPage, reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    follow(reader, folder=folder)
    factories.archive(folder, factories.raw("Offer"))
    work()
    [mail] = mailoutbox
    ours = mail.message()
    absence = factories.raw("Out of office", In_Reply_To=ours["Message-ID"])
    factories.archive(folder, ours.as_bytes(), absence)
    assert EmailMessagePage.objects.filter(folder=folder).count() == 3
    work()
    assert len(mailoutbox) == 1
    factories.archive(folder, factories.raw("Another offer"))
    work()
    assert "Another offer" in mailoutbox[1].body


def test_whatever_causes_many_mails_soon_causes_few(
    folder: EmailFolderPage, reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    followed = follow(reader, folder=folder)
    Follow.objects.update(number=following.MANY + 1)
    now = timezone.now()
    Delivery.objects.bulk_create(
        Delivery(follow=followed, number=number, made_at=now, sent_at=now)
        for number in range(1, following.MANY + 1)
    )
    factories.archive(folder, factories.raw())
    work()
    assert mailoutbox == []
    followed.refresh_from_db()
    assert followed.due_at == now + timedelta(hours=1)
    Delivery.objects.update(made_at=now - timedelta(hours=2))
    work()
    assert len(mailoutbox) == 1


def test_mails_are_in_the_language_and_zone_of_their_readers(
    folder: EmailFolderPage, reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    profile = UserProfile.objects.create(
        user=reader, preferred_language="de", current_time_zone="Asia/Kolkata"
    )
    follow(reader, folder=folder)
    factories.archive(folder, factories.raw())
    work()
    html = str(mailoutbox[0].alternatives[0][0])
    assert '<html lang="de" dir="ltr">' in html
    # 14:30 in Berlin.
    assert "5. März 2026 19:00" in html
    profile.preferred_language = "ar"
    profile.save()
    factories.archive(folder, factories.raw())
    work()
    assert '<html lang="ar" dir="rtl">' in str(mailoutbox[1].alternatives[0][0])


def test_a_site_can_replace_the_words(
    folder: EmailFolderPage,
    reader: User,
    mailoutbox: list[EmailMultiAlternatives],
    settings: Settings,
    tmp_path: Any,
) -> None:
    place = tmp_path / "wagtail_mailarchive" / "following"
    place.mkdir(parents=True)
    (place / "subject.txt").write_text("[intranet] {{ title }}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    follow(reader, folder=folder)
    factories.archive(folder, factories.raw())
    work()
    assert mailoutbox[0].subject == "[intranet] Sales"


def test_a_name_cannot_break_out_of_the_mail(
    reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    folder = factories.folder(title="<b>Sales</b>")
    follow(reader, folder=folder)
    factories.archive(folder, factories.raw("<script>alert(1)</script>"))
    work()
    html = str(mailoutbox[0].alternatives[0][0])
    assert "<script" not in html
    assert "<b>" not in html
    assert mailoutbox[0].subject == "<b>Sales</b>: 1 new message"


def test_digests_come_at_seven_where_the_reader_is(reader: User) -> None:
    UserProfile.objects.create(user=reader, current_time_zone="Asia/Kolkata")
    there = ZoneInfo("Asia/Kolkata")
    # A Saturday, 09:00 there.
    now = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)
    daily, weekly = (Follow(reader=reader, pace=pace) for pace in (Pace.DAILY, Pace.WEEKLY))
    assert following.next_due(daily, now) == datetime(2026, 11, 22, 7, tzinfo=there)
    assert following.next_due(weekly, now) == datetime(2026, 11, 23, 7, tzinfo=there)
    early = datetime(2026, 11, 23, 6, 59, tzinfo=there)
    assert following.next_due(weekly, early) == datetime(2026, 11, 23, 7, tzinfo=there)
    assert following.next_due(weekly, early + timedelta(minutes=1)) == datetime(
        2026, 11, 30, 7, tzinfo=there
    )


def test_a_digest_gathers_what_came_and_waits_for_its_hour(
    folder: EmailFolderPage, reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    followed = follow(reader, folder=folder, pace=Pace.DAILY)
    for number in range(25):
        factories.archive(folder, factories.raw(f"Mail {number}"))
    tasks.tell_followers()
    assert mailoutbox == []
    assert followed.due_at > timezone.now()
    work()
    [mail] = mailoutbox
    assert mail.subject == "Sales: 25 new messages"
    assert mail.body.count("* Mail") == 20
    assert "and 5 more" in mail.body


def test_what_happens_brings_mails_forward(folder: EmailFolderPage, reader: User) -> None:
    followed = follow(reader, folder=folder, comments=True)
    digest = follow(factories.user(), folder=folder, pace=Pace.DAILY)
    elsewhere = follow(reader, folder=factories.folder())
    run = factories.fetch_run(factories.account(folder), RunStatus.SUCCEEDED, archived=3)
    run_finished.send_robust(type(run), run=run)
    due = dict(Follow.objects.filter(due_at__lte=timezone.now()).values_list("pk", "reader"))
    assert set(due) == {followed.pk}
    assert {digest.pk, elsewhere.pk}.isdisjoint(due)
    Follow.objects.update(due_at=timezone.now() + timedelta(days=1))
    [message] = factories.archive(folder, factories.raw())
    comment(message, factories.user(), "Look")
    following.request()
    assert list(Follow.objects.filter(due_at__lte=timezone.now())) == [followed]
    # Once is enough.
    tasks.tell_followers()
    following.request()
    assert not Follow.objects.filter(due_at__lte=timezone.now()).exists()


def test_the_minutely_task_only_queues_what_is_due(
    folder: EmailFolderPage, reader: User, mailoutbox: list[EmailMultiAlternatives]
) -> None:
    follow(reader, folder=folder)
    factories.archive(folder, factories.raw())
    following.request()
    assert not OrmQ.objects.exists()
    Follow.objects.update(due_at=timezone.now())
    following.request()
    assert (OrmQ.objects.count(), mailoutbox) == (1, [])


def test_many_are_served_in_batches(
    folder: EmailFolderPage,
    mailoutbox: list[EmailMultiAlternatives],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "AT_A_TIME", 2)
    for number in range(3):
        follow(factories.user(email=f"reader{number}@example.org"), folder=folder)
    factories.archive(folder, factories.raw())
    work()
    assert (len(mailoutbox), OrmQ.objects.count()) == (2, 1)
    tasks.tell_followers()
    assert sorted(mail.to[0] for mail in mailoutbox) == [
        f"reader{number}@example.org" for number in range(3)
    ]


def test_the_log_of_long_ago_is_forgotten(folder: EmailFolderPage, reader: User) -> None:
    followed = follow(reader, folder=folder)
    for number, days in enumerate([89, 91]):
        made_at = timezone.now() - timedelta(days=days)
        Delivery.objects.create(follow=followed, number=number, made_at=made_at, sent_at=made_at)
    following.request()
    assert Delivery.objects.get().number == 0


def test_a_mail_costs_as_many_queries_in_a_larger_folder(
    folder: EmailFolderPage, reader: User
) -> None:
    def queries(number: int) -> int:
        factories.archive(folder, *[factories.raw() for _ in range(number)])
        Follow.objects.update(due_at=timezone.now())
        with CaptureQueriesContext(connection) as captured:
            tasks.tell_followers()
        assert not walks_over_messages(captured)
        return len(captured)

    follow(reader, folder=folder, comments=True)
    queries(1)
    few = queries(1)
    assert queries(30) == few
    assert few < 50


def test_new_comments_are_found_by_when_they_were_shown(
    folder: EmailFolderPage, reader: User
) -> None:
    messages = factories.archive(folder, factories.raw("Plan"), factories.raw("Other"))
    search = SavedSearch.objects.create(owner=reader, name="Plans", query="subject:plan")
    for values in (
        {"folder": folder},
        {"folder": folder, "message": messages[0]},
        {"search": search},
    ):
        follow(reader, comments=True, **values)
    other = factories.user("grace")
    long_ago = timezone.now() - timedelta(days=1)
    given = {"author": other, "author_name": "grace", "state": CommentState.SHOWN}
    # As many as have PostgreSQL prefer an index to reading them all.
    Comment.objects.bulk_create(
        Comment(message=each, text="Old", created_at=long_ago, **given)
        for each in messages
        for _ in range(500)
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE wagtail_mailarchive_comment")
    comment(messages[0], other, "New")
    with CaptureQueriesContext(connection) as captured:
        following.request()
        work()
    assert list(Delivery.objects.values_list("comments", flat=True)) == [1, 1, 1]
    assert not walks_over_messages(captured)
    asked = [each for each in captured.captured_queries if " COALESCE(" in each["sql"]]
    assert len(asked) >= 10
    for each in asked:
        assert "mailarchive_comment_shown_at" in plan_of(each["sql"]), each["sql"]
