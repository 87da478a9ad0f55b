"""Comments: who writes, what is shown to whom, limits, drafts, changing and deleting."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from wagtail.models import GroupPagePermission, Page, PageViewRestriction

from tests import factories
from wagtail_mailarchive.archive.reprocessing import reprocess
from wagtail_mailarchive.collaboration import comment_rules
from wagtail_mailarchive.mime.process import ParserProcess
from wagtail_mailarchive.models import Comment, CommentState, EmailFolderPage, EmailMessagePage
from wagtail_mailarchive.signals import comment_posted

pytestmark = pytest.mark.django_db


def message(moderation: str = "", commenters: str = "", **values: Any) -> EmailMessagePage:
    folder = factories.folder(**values)
    EmailFolderPage.objects.filter(pk=folder.pk).update(
        comment_moderation=moderation, commenters=commenters
    )
    folder.refresh_from_db()
    return factories.archive(folder, factories.raw("Plan"))[0]


def signed_in(user: User | None = None) -> Client:
    client = Client()
    client.force_login(user or factories.user())
    return client


def shown_before(page: EmailMessagePage, seconds: int = 10) -> str:
    """The signed time of a form that was shown that long ago."""
    at = timezone.now().timestamp() - seconds
    return signing.Signer(salt="wagtail_mailarchive.comment").sign(f"{page.pk} {at:.0f}")


def write(client: Client, page: EmailMessagePage, text: str = "Well said", **values: Any) -> Any:
    data = {"text": text, "shown": shown_before(page), **values}
    return client.post(f"{page.url}comments/", data)


def seen(client: Client, page: EmailMessagePage, query: str = "") -> str:
    response = client.get(page.url + query)
    assert response.status_code == 200
    return response.content.decode()


def comment(page: EmailMessagePage, author: User | None = None, **values: Any) -> Comment:
    given = {"text": "Words", "state": CommentState.SHOWN, "author_name": "Somebody"}
    return Comment.objects.create(message=page, author=author, **(given | values))


def moderator_of(page: EmailMessagePage) -> User:
    group = Group.objects.create(name=f"Moderators {page.pk}")
    for codename in ("change_page", "publish_page"):
        permission = factories_permission(codename)
        GroupPagePermission.objects.create(
            group=group, page=page.folder.page_ptr, permission=permission
        )
    user = factories.user(email="moderator@example.org")
    user.groups.add(group)
    user.user_permissions.add(factories_permission("access_admin"))
    return user


def factories_permission(codename: str) -> Any:
    from django.contrib.auth.models import Permission

    return Permission.objects.get(codename=codename)


# -- writing ----------------------------------------------------------------------------------


def test_a_comment_is_shown_to_everybody_under_its_author_with_links() -> None:
    page = message()
    author = factories.user(first_name="Bo", last_name="Andersen")
    response = write(
        signed_in(author), page, "Look: https://example.org/a?b=1&c=2\n<b>not bold</b>"
    )
    assert response.status_code == 302
    text = seen(Client(), page)
    assert response.headers["Location"].endswith(f"#comment-{Comment.objects.get().pk}")
    assert "<bdi>Bo Andersen</bdi>" in text
    assert '<a href="https://example.org/a?b=1&amp;c=2" rel="nofollow">' in text
    assert "<br>&lt;b&gt;not bold&lt;/b&gt;" in text
    assert "1 comment\n" in text or "1 comment<" in text


def test_the_form_of_the_page_is_taken() -> None:
    page = message()
    client = Client(enforce_csrf_checks=True)
    client.force_login(factories.user())
    found = dict(
        re.findall(
            r'name="(csrfmiddlewaretoken|shown|website)"(?: value="([^"]*)")?', seen(client, page)
        )
    )
    assert found.keys() == {"csrfmiddlewaretoken", "shown", "website"}
    client.post(f"{page.url}comments/", {**found, "text": "By the form"})
    assert Comment.objects.get().text == "By the form"
    assert client.post(f"{page.url}comments/", {"text": "Forged"}).status_code == 403


def test_a_reply_stands_below_its_comment_and_a_reply_to_it_beside_it() -> None:
    page = message()
    first = comment(page)
    client = signed_in()
    assert "You reply to <bdi>Somebody</bdi>" in seen(client, page, f"?reply={first.pk}")
    write(client, page, "A reply", parent=first.pk)
    reply = Comment.objects.get(text="A reply")
    write(client, page, "A reply to it", parent=reply.pk)
    assert {each.parent_id for each in Comment.objects.exclude(pk=first.pk)} == {first.pk}
    text = seen(client, page)
    assert 'aria-label="Replies to Somebody"' in text
    assert text.index("Words") < text.index("A reply") < text.index("A reply to it")


def test_a_reply_to_a_comment_elsewhere_is_refused() -> None:
    page, other = message(), message()
    write(signed_in(), page, parent=comment(other).pk)
    assert not Comment.objects.filter(message=page).exists()


def test_a_second_click_writes_nothing_twice() -> None:
    page, client = message(), signed_in()
    write(client, page)
    write(client, page)
    assert Comment.objects.count() == 1


def test_receivers_are_told_of_a_posted_comment() -> None:
    told: list[Comment] = []

    def receive(sender: type[Comment], comment: Comment, **kwargs: Any) -> None:
        told.append(comment)

    comment_posted.connect(receive)
    try:
        write(signed_in(), message())
    finally:
        comment_posted.disconnect(receive)
    assert [each.text for each in told] == ["Well said"]


# -- who --------------------------------------------------------------------------------------


def test_guests_comment_where_anyone_may_under_a_name_that_says_guest() -> None:
    page = message(commenters="anyone")
    client = Client()
    assert "Your name" in seen(client, page)
    write(client, page, name="")
    assert "Give a name" in seen(client, page)
    write(client, page, name="Passer-by")
    text = seen(client, page)
    assert "Passer-by" in text
    assert "(guest)" in text


def test_only_members_of_the_groups_comment_where_groups_do() -> None:
    page = message(commenters="groups")
    group = Group.objects.create(name="Team")
    page.folder.commenter_groups = [group]
    page.folder.save()
    member = factories.user()
    member.groups.add(group)
    other = signed_in()
    assert write(other, page).status_code == 403
    write(signed_in(member), page)
    assert Comment.objects.get().author == member
    assert "You can read comments in this folder, but not write any." in seen(other, page)


def test_nobody_comments_where_comments_are_closed_and_what_is_there_stays() -> None:
    page = message("closed")
    assert "mailarchive-comments" not in seen(Client(), page)
    comment(page)
    client = signed_in()
    assert write(client, page).status_code == 403
    text = seen(client, page)
    assert "Comments are closed in this folder." in text
    assert "Words" in text


def test_signing_in_comes_back_with_the_text_kept() -> None:
    page, client = message(), Client()
    assert "Sign in to comment" in seen(client, page)
    response = write(client, page, "Written before signing in")
    assert response.headers["Location"].startswith("/_util/login/?next=")
    assert "comment-form" in response.headers["Location"]
    assert not Comment.objects.exists()
    factories.user("grace")
    credentials = {"username": "grace", "password": "password"}
    back = client.post(response.headers["Location"], credentials)
    assert back.headers["Location"] == f"{page.url}#mailarchive-comment-form"
    assert ">Written before signing in</textarea>" in seen(client, page)
    write(client, page, "Written before signing in")
    assert ">Written before signing in</textarea>" not in seen(client, page)


def test_what_was_written_survives_a_session_that_ended_on_a_private_page() -> None:
    page, client = message(privacy="login"), Client()
    response = write(client, page, "Long thoughts")
    factories.user("grace")
    credentials = {"username": "grace", "password": "password"}
    back = client.post(response.headers["Location"], credentials)
    assert client.get(back.headers["Location"]).headers["Location"].startswith(page.url)
    assert ">Long thoughts</textarea>" in seen(client, page)
    assert not Comment.objects.exists()


@pytest.mark.parametrize("route", ["", "{pk}/", "{pk}/edit/", "{pk}/delete/", "{pk}/decide/"])
def test_no_route_answers_those_who_may_not_read_the_page(route: str) -> None:
    page = message()
    author = factories.user()
    one = comment(page, author, state=CommentState.HELD)
    PageViewRestriction.objects.create(page=page.page_ptr, restriction_type="groups")
    client = signed_in(author)
    data = {"text": "Forged", "shown": shown_before(page), "decision": "approve"}
    address = f"{page.url}comments/{route.format(pk=one.pk)}"
    for response in (client.post(address, data), client.get(address)):
        assert response.headers["Location"].startswith("/_util/login/")
    one.refresh_from_db()
    assert (one.text, one.state, Comment.objects.count()) == ("Words", CommentState.HELD, 1)
    Page.objects.filter(pk=page.folder_id).update(live=False)
    assert client.post(address, data).status_code == 404


def test_comments_are_found_on_their_own_message_alone() -> None:
    page, other = message(), message()
    author = factories.user()
    one = comment(page, author)
    client = signed_in(author)
    assert client.get(f"{other.url}comments/{one.pk}/").status_code == 404
    assert client.post(f"{other.url}comments/{one.pk}/delete/").status_code == 404


# -- machines ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"website": "https://spam.example"}, "Leave the field “Website” empty."),
        ({"shown": ""}, "The form was open for too long."),
        ({"shown": "1 2:forged"}, "The form was open for too long."),
        ({"text": "  "}, "Write something before you send it."),
        ({"text": "x" * 5_001}, "at most 5000 characters"),
        ({"parent": "999999"}, "not there any more"),
    ],
)
def test_what_is_refused_is_kept_with_the_reason(values: dict[str, str], sentence: str) -> None:
    page, client = message(), signed_in()
    write(client, page, **values)
    assert not Comment.objects.exists()
    text = seen(client, page)
    assert sentence in text
    assert f">{values.get('text', 'Well said')[:100].strip()}" in text
    assert 'aria-invalid="true"' in text


def test_a_form_is_for_its_own_message_and_for_a_day() -> None:
    page, other, client = message(), message(), signed_in()
    write(client, page, shown=shown_before(other))
    write(client, page, shown=shown_before(page, 90_000))
    assert not Comment.objects.exists()


def test_guests_who_write_faster_than_people_are_asked_again() -> None:
    page = message(commenters="anyone")
    write(Client(), page, name="Machine", shown=shown_before(page, 0))
    assert not Comment.objects.exists()


def test_who_writes_very_much_has_to_wait() -> None:
    page, client = message(), signed_in()
    for number in range(12):
        write(client, page, f"Comment {number}")
    assert Comment.objects.count() == 10
    assert "many comments in a short time" in seen(client, page)
    Comment.objects.update(state=CommentState.DELETED)
    write(client, page, "Deleting makes no room")
    assert Comment.objects.count() == 10
    Comment.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    write(client, page, "Later")
    assert Comment.objects.count() == 11


def test_guests_are_counted_by_address_without_their_address_being_kept() -> None:
    page = message(commenters="anyone")
    for number in range(7):
        write(Client(REMOTE_ADDR="192.0.2.7"), page, f"Comment {number}", name="Guest")
    assert Comment.objects.count() == 5
    write(Client(REMOTE_ADDR="192.0.2.8"), page, "Somebody else", name="Guest")
    assert Comment.objects.count() == 6
    assert not any("192.0.2" in str(each) for each in Comment.objects.values_list("sent_from"))


def test_a_conversation_has_an_end() -> None:
    page = message()
    first = comment(page)
    Comment.objects.bulk_create(
        Comment(message=page, parent=first, author_name="A", text="B", state=CommentState.SHOWN)
        for _ in range(comment_rules.MOST_REPLIES)
    )
    client = signed_in()
    write(client, page, parent=first.pk)
    assert "This conversation is full." in seen(client, page)


# -- changing and deleting --------------------------------------------------------------------


def test_authors_change_their_comments_for_fifteen_minutes() -> None:
    page, author = message(), factories.user()
    one, client = comment(page, author), signed_in(author)
    assert ">Words</textarea>" in seen(client, page, f"?edit={one.pk}")
    address = f"{page.url}comments/{one.pk}/edit/"
    client.post(address, {"text": ""})
    assert "Write something before you send it." in seen(client, page)
    client.post(address, {"text": "Better words"})
    text = seen(client, page)
    assert "Better words" in text
    assert "changed" in text
    Comment.objects.update(created_at=timezone.now() - timedelta(minutes=16))
    client.post(address, {"text": "Too late"})
    assert Comment.objects.get().text == "Better words"
    text = seen(client, page)
    assert f"?edit={one.pk}" not in text
    # What was typed is not lost.
    assert "this one stays as it was" in text
    assert ">Too late</textarea>" in text


@pytest.mark.parametrize("privacy", ["public", "login"])
@pytest.mark.parametrize("minutes", [14, 16])
def test_a_change_survives_a_session_that_ended(privacy: str, minutes: int) -> None:
    page, author, client = message(privacy=privacy), factories.user("grace"), Client()
    one = comment(page, author, parent=comment(page, author))
    response = client.post(f"{page.url}comments/{one.pk}/edit/", {"text": "Better words"})
    if privacy == "public":
        assert "Better words" not in seen(client, page)
    Comment.objects.update(created_at=timezone.now() - timedelta(minutes=minutes))
    credentials = {"username": "grace", "password": "password"}
    back = client.post(response.headers["Location"], credentials)
    text = client.get(back.headers["Location"], follow=True).content.decode()
    assert ">Better words</textarea>" in text
    assert ("this one stays as it was" in text) == (minutes == 16)
    assert (f'comments/{one.pk}/edit/"' in text) == (minutes == 14)
    one.refresh_from_db()
    assert one.text == "Words"


def test_a_change_is_held_where_comments_are() -> None:
    page, author = message("held"), factories.user()
    one = comment(page, author)
    signed_in(author).post(f"{page.url}comments/{one.pk}/edit/", {"text": "Something else"})
    one.refresh_from_db()
    assert one.state == CommentState.HELD


def test_nobody_changes_deletes_or_decides_what_is_not_theirs() -> None:
    page = message(commenters="anyone")
    one = comment(page, factories.user())
    guests = comment(page, is_guest=True)
    anybody = Client()
    for client in (anybody, signed_in()):
        for each in (one, guests):
            for route in ("edit", "delete", "decide"):
                address = f"{page.url}comments/{each.pk}/{route}/"
                data = {"text": "Forged", "decision": "reject"}
                # Its author may have to sign in again.
                asks = (client, each, route) == (anybody, one, "edit")
                assert client.post(address, data).status_code == (302 if asks else 403)
                assert client.get(address).status_code == (302 if route == "edit" else 405)


def test_deleting_takes_the_words_and_leaves_the_replies() -> None:
    page, author = message(), factories.user()
    one, client = comment(page, author, text="Regretted"), signed_in(author)
    comment(page, parent=one, text="An answer")
    alone = comment(page, author, text="Alone")
    for each in (one, alone):
        client.post(f"{page.url}comments/{each.pk}/delete/")
    text = seen(client, page)
    assert "Regretted" not in text
    assert "This comment was deleted." in text
    assert "An answer" in text
    assert f"comment-{alone.pk}" not in text
    assert not Comment.objects.exclude(text="").exclude(text="An answer").exists()


def test_guests_change_and_delete_what_they_wrote_in_the_same_session() -> None:
    page, client = message(commenters="anyone"), Client()
    write(client, page, name="Guest")
    one = Comment.objects.get()
    assert "Delete" in seen(client, page)
    assert "Delete" not in seen(Client(), page)
    client.post(f"{page.url}comments/{one.pk}/delete/")
    one.refresh_from_db()
    assert one.state == CommentState.DELETED


# -- moderation -------------------------------------------------------------------------------


def test_a_held_comment_says_so_to_its_author_and_nobody_else_sees_it() -> None:
    page, author = message("held"), factories.user()
    client = signed_in(author)
    write(client, page)
    assert Comment.objects.get().state == CommentState.HELD
    text = seen(client, page)
    assert "once a moderator has approved it" in text
    assert "Held: a moderator has to approve this comment before others see it." in text
    for other in (Client(), signed_in()):
        assert "Well said" not in seen(other, page)
        address = f"{page.url}comments/{Comment.objects.get().pk}/"
        assert other.get(address).status_code == 404


def test_only_the_first_comment_waits_where_first_ones_do() -> None:
    page, author = message("first"), factories.user()
    client = signed_in(author)
    write(client, page, "First")
    write(client, page, "Second")
    assert set(Comment.objects.values_list("state", flat=True)) == {CommentState.HELD}
    Comment.objects.filter(text="First").update(state=CommentState.SHOWN)
    write(client, page, "Third")
    assert Comment.objects.get(text="Third").state == CommentState.SHOWN


def test_moderators_see_what_is_held_and_decide_on_the_page() -> None:
    page = message("held")
    moderator = signed_in(moderator_of(page))
    first, second = comment(page, state=CommentState.HELD), comment(page, state=CommentState.HELD)
    assert "Held: only its author and moderators see this comment." in seen(moderator, page)
    moderator.post(f"{page.url}comments/{first.pk}/decide/", {"decision": "approve"})
    moderator.post(f"{page.url}comments/{second.pk}/decide/", {"decision": "reject"})
    states = list(Comment.objects.order_by("pk").values_list("state", flat=True))
    assert states == [CommentState.SHOWN, CommentState.REJECTED]
    write(moderator, page, "A moderator’s own")
    assert Comment.objects.get(text="A moderator’s own").state == CommentState.SHOWN


def test_a_site_decides_where_a_folder_does_not_say(settings: Any) -> None:
    settings.WAGTAIL_MAILARCHIVE = {
        **settings.WAGTAIL_MAILARCHIVE,
        "COMMENT_MODERATION": "held",
        "COMMENTERS": "anyone",
    }
    page = message()
    write(Client(), page, name="Guest")
    assert Comment.objects.get().state == CommentState.HELD


# -- where they are shown ---------------------------------------------------------------------


def test_a_permalink_leads_to_the_comment_on_whatever_page_it_stands() -> None:
    page = message()
    made = [comment(page, text=f"Number {number}.") for number in range(30)]
    reply = comment(page, parent=made[29])
    client = Client()
    first = client.get(f"{page.url}comments/{made[3].pk}/")
    assert first.headers["Location"] == f"{page.url}#comment-{made[3].pk}"
    last = client.get(f"{page.url}comments/{reply.pk}/")
    query = f"?comments={made[29].pk}"
    assert last.headers["Location"] == f"{page.url}{query}#comment-{reply.pk}"
    assert "Number 29." not in seen(client, page)
    assert "Number 29." in seen(client, page, query)
    assert f"?comments={made[25].pk}" in seen(client, page)


def test_listings_count_the_comments_that_everybody_sees() -> None:
    page = message()
    for state in CommentState:
        comment(page, state=state)
    comment(page)
    for address in (
        page.folder.url,
        f"{page.folder.url}?view=date",
        f"{page.folder.url}thread/{page.thread_id}/",
        f"{page.folder.url}?q=plan",
        f"{reverse('wagtail_mailarchive:search')}?q=plan",
    ):
        assert "2 comments" in " ".join(Client().get(address).content.decode().split())


def test_a_threads_count_leaves_out_messages_that_the_reader_may_not_read() -> None:
    folder = factories.folder()
    first, second = factories.archive(
        folder,
        factories.raw("Plan", Message_ID="<a@example.org>"),
        factories.raw("Re: Plan", In_Reply_To="<a@example.org>"),
    )
    comment(first)
    comment(second)
    assert "2 comments" in " ".join(Client().get(folder.url).content.decode().split())
    PageViewRestriction.objects.create(page=second.page_ptr, restriction_type="login")
    assert "1 comment" in " ".join(Client().get(folder.url).content.decode().split())


def test_many_comments_cost_no_more_queries_than_few() -> None:
    page = message()
    client = signed_in()
    counts = []
    for _ in range(2):
        for _ in range(5):
            one = comment(page, text="@nobody here")
            comment(page, parent=one)
        seen(client, page)
        with CaptureQueriesContext(connection) as captured:
            seen(client, page)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_comments_survive_reading_the_message_again() -> None:
    page = message()
    one = comment(page)
    EmailMessagePage.objects.filter(pk=page.pk).update(parsed_by=0)
    with ParserProcess() as parser:
        reprocess([page.pk], parser=parser)
    assert Comment.objects.get().pk == one.pk
