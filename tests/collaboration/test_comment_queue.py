"""The moderators' queue in the admin."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests import factories
from tests.collaboration.test_comments import comment, message, moderator_of, signed_in
from wagtail_mailarchive.models import Comment, CommentState, EmailMessagePage

pytestmark = pytest.mark.django_db

HELD, SHOWN = CommentState.HELD, CommentState.SHOWN


def address() -> str:
    return reverse("mailarchive_comments:index")


def test_many_comments_are_decided_on_at_once() -> None:
    page = message()
    client = signed_in(moderator_of(page))
    made = [comment(page, state=HELD, text=f"Held {number}") for number in range(4)]
    text = client.get(address()).content.decode()
    assert all(each.text in text for each in made)
    for decision, some in (("approve", made[:2]), ("reject", made[2:3]), ("delete", made[3:])):
        client.post(address(), {"comment": [each.pk for each in some], "decision": decision})
    states = list(Comment.objects.order_by("pk").values_list("state", flat=True))
    assert states == [SHOWN, SHOWN, CommentState.REJECTED, CommentState.DELETED]
    assert "Held 2" in client.get(f"{address()}?state=rejected").content.decode()


def test_moderators_see_and_decide_only_in_their_folders() -> None:
    page, other = message(), message()
    client = signed_in(moderator_of(page))
    foreign = comment(other, state=HELD, text="Elsewhere")
    assert "Elsewhere" not in client.get(address()).content.decode()
    assert client.get(f"{address()}?folder={other.folder_id}").status_code == 404
    client.post(address(), {"comment": [foreign.pk], "decision": "approve"})
    foreign.refresh_from_db()
    assert foreign.state == HELD


def test_others_are_refused() -> None:
    message()
    user = factories.user()
    for client in (signed_in(user),):
        for response in (client.get(address()), client.post(address(), {"decision": "approve"})):
            assert response.status_code in (302, 403)


def test_comments_on_mail_in_the_trash_wait_there() -> None:
    page = message()
    comment(page, state=HELD, text="In the trash")
    client = signed_in(moderator_of(page))
    EmailMessagePage.objects.filter(pk=page.pk).update(live=False, listed=False)
    assert "In the trash" not in client.get(address()).content.decode()


def test_a_page_of_the_queue_costs_the_same_however_many_wait() -> None:
    page = message()
    client = signed_in(moderator_of(page))
    counts = []
    for _ in range(2):
        for _ in range(30):
            comment(page, state=HELD)
        client.get(address())
        with CaptureQueriesContext(connection) as captured:
            text = client.get(address()).content.decode()
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert "Older comments" in text
