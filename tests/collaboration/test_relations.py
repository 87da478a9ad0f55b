"""Relations between messages and other things: made, seen from both ends, kept from others."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import connection
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image as Picture
from pytest_django import Settings
from wagtail.documents.models import Document
from wagtail.images.models import Image
from wagtail.models import (
    Collection,
    CollectionViewRestriction,
    Page,
    PageViewRestriction,
    ReferenceIndex,
)

from tests import factories
from tests.admin.conftest import browser_of, user_with
from tests.plans import walks_over_messages
from wagtail_mailarchive.archive import trash
from wagtail_mailarchive.collaboration.related_mail_panel import RelatedMailPanel
from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage, Relation
from wagtail_mailarchive.models.relation import MOST, Target

pytestmark = pytest.mark.django_db


def message(folder: EmailFolderPage | None = None, subject: str = "Subject") -> EmailMessagePage:
    return factories.archive(folder or factories.folder(), factories.raw(subject))[0]


def related(page: EmailMessagePage, target: Any, kind: str = "about", note: str = "") -> Relation:
    named = Target.of(target)
    assert named is not None
    title = "" if isinstance(target, EmailMessagePage) else target.title
    return Relation.objects.create(
        message=page,
        kind=kind,
        target=str(named),
        target_title=title,
        note=note,
        author_name="Ada",
    )


def shown(page: Page, browser: Client | None = None) -> str:
    response = (browser or Client()).get(page.url)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def section(text: str) -> str:
    _before, found, rest = text.partition('class="mailarchive-relations"')
    return rest.partition("</section>")[0] if found else ""


def on_page(target: Any, user: Any = None) -> str:
    """What the template tag shows on the page of `target`."""
    request = RequestFactory().get("/")
    client = Client()
    if user is not None:
        client.force_login(user)
        request.user = user
    else:
        from django.contrib.auth.models import AnonymousUser

        request.user = AnonymousUser()
    request.session = client.session
    template = Template("{% load mailarchive_relations %}{% related_mail target %}")
    return template.render(Context({"request": request, "target": target}))


def document(collection: Collection | None = None, title: str = "Contract") -> Document:
    root = Collection.get_first_root_node()
    file = ContentFile(b"text", name="contract.txt")
    return Document.objects.create(title=title, file=file, collection=collection or root)


def image() -> Image:
    content = BytesIO()
    Picture.new("RGB", (1, 1)).save(content, "PNG")
    file = ContentFile(content.getvalue(), name="sketch.png")
    return Image.objects.create(title="Sketch", file=file)


@pytest.fixture(autouse=True)
def _files(settings: Settings, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def editor(db: None) -> User:
    return user_with(factories.home(), "change")


def relate(browser: Client, page: EmailMessagePage, /, **values: Any) -> Any:
    address = reverse("mailarchive_relations", args=[page.pk])
    return browser.post(address, {"kind": "about", **values})


# -- relating -----------------------------------------------------------------------------------


def test_an_editor_relates_a_message_to_each_kind_of_thing(editor: User) -> None:
    one, other = message(subject="One"), message(subject="Other")
    page, file, picture = factories.workspace("Budget"), document(), image()
    superuser = factories.superuser()
    browser = browser_of(superuser)
    for values in (
        {"page": page.pk},
        {"related_message": other.pk, "kind": "answers"},
        {"document": file.pk, "note": "signed"},
        {"image": picture.pk},
        {"address": "https://example.org/a?b=1&c=2"},
    ):
        assert relate(browser, one, **values).status_code == 302, values
    assert [each.target for each in Relation.objects.order_by("pk")] == [
        f"page:{page.pk}",
        f"message:{other.pk}",
        f"document:{file.pk}",
        f"image:{picture.pk}",
        "web:",
    ]
    assert set(Relation.objects.values_list("author", flat=True)) == {superuser.pk}
    # Both who may do it in the admin and who reads the page see all of them.
    listed = browser.get(reverse("mailarchive_relations", args=[one.pk])).content.decode()
    read = section(shown(one))
    for text in ("Budget", "Other", "Contract", "Sketch", "https://example.org/a?b=1&amp;c=2"):
        assert text in listed
        assert text in read
    assert "signed" in read
    assert superuser.get_username() in read


def test_the_page_of_the_message_says_who_related_it_and_when() -> None:
    one = message()
    relation = related(one, factories.workspace("Budget"))
    relation.created_at = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    relation.save()
    words = section(shown(one))
    # In the site's zone, where it is the next day already.
    assert (
        '<bdi>Ada</bdi>, <time datetime="2026-03-02T00:30:00+01:00">March 2, 2026</time>' in words
    )


def test_a_message_chosen_as_a_page_is_a_message(editor: User) -> None:
    one, other = message(), message()
    assert relate(browser_of(editor), one, page=other.pk).status_code == 302
    assert Relation.objects.get().target == f"message:{other.pk}"
    assert Relation.objects.get().target_title == ""


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "Choose what the message is related to"),
        ({"address": "ftp://example.org/"}, "begins with https:// or http://"),
        ({"address": "javascript:alert(1)"}, "Enter a valid URL"),
        ({"address": "https://example.org", "kind": "unknown"}, "Select a valid choice"),
        ({"address": "https://example.org", "note": "x" * 501}, "at most 500"),
    ],
)
def test_what_makes_no_relation_is_refused_with_a_reason(
    editor: User, values: dict[str, str], sentence: str
) -> None:
    response = relate(browser_of(editor), message(), **values)
    assert response.status_code == 200
    assert sentence in response.content.decode()
    assert not Relation.objects.exists()


@pytest.mark.parametrize("name", ["page", "related_message", "document", "image"])
def test_a_key_of_nothing_is_refused(name: str) -> None:
    page, browser = message(), browser_of(factories.superuser())
    for key in ("0", "-1", "abc", "²", "9" * 30, "9" * 5000):
        response = relate(browser, page, **{name: key})
        assert response.status_code == 200
        assert "not one of the available choices" in response.content.decode()
    assert relate(browser, page, **{name: "1\0"}).status_code == 200
    assert browser.get(reverse("mailarchive_relations", args=[10**30])).status_code == 404
    assert not Relation.objects.exists()


def test_two_targets_itself_and_the_same_again_are_refused(editor: User) -> None:
    page, browser = message(), browser_of(editor)
    assert relate(browser, page, page=factories.home().pk, address="https://a.example").context
    assert relate(browser, page, related_message=page.pk).context
    assert not Relation.objects.exists()
    for _ in range(2):
        relate(browser, page, address="https://a.example/")
    assert Relation.objects.count() == 1


def test_relations_of_a_message_have_a_limit(editor: User) -> None:
    page = message()
    Relation.objects.bulk_create(
        Relation(message=page, kind="about", target="web:", address=f"https://a.example/{n}")
        for n in range(MOST)
    )
    response = relate(browser_of(editor), page, address="https://b.example/")
    assert f"A message can have {MOST} relations" in response.content.decode()


def test_who_may_not_change_pages_there_may_not_relate_or_take_back() -> None:
    elsewhere = factories.workspace()
    stranger = browser_of(user_with(elsewhere, "change", "publish"))
    page = message()
    relation = related(page, factories.home())
    address = reverse("mailarchive_relations", args=[page.pk])
    delete = reverse("mailarchive_delete_relation", args=[relation.pk])
    for response in (
        stranger.get(address),
        relate(stranger, page, address="https://a.example/"),
        stranger.post(delete),
    ):
        assert response.status_code == 403
    assert Client().post(delete).status_code == 302
    assert list(Relation.objects.all()) == [relation]
    assert "Relate this message" not in shown(page)


def test_a_relation_is_taken_back_by_post_alone(editor: User) -> None:
    relation = related(message(), factories.home())
    browser = browser_of(editor)
    address = reverse("mailarchive_delete_relation", args=[relation.pk])
    assert browser.get(address).status_code == 405
    assert browser.post(address).status_code == 302
    assert not Relation.objects.exists()


def test_nobody_relates_to_what_they_cannot_see() -> None:
    hidden = factories.workspace("Secret plan")
    PageViewRestriction.objects.create(page=hidden.page_ptr, restriction_type="groups")
    secret = message(factories.folder(privacy="groups"), "Secret mail")
    own = message(factories.folder(home := factories.workspace("Own")))
    browser = browser_of(user_with(home, "change"))
    for values in ({"page": hidden.pk}, {"page": secret.pk}, {"related_message": secret.pk}):
        response = relate(browser, own, **values)
        assert response.status_code == 200
        assert "Secret mail" not in response.content.decode()
    # Nor to files that the choosers would not offer.
    assert relate(browser, own, document=document().pk).status_code == 200
    assert not Relation.objects.exists()


# -- both ends ----------------------------------------------------------------------------------


def test_both_ends_say_what_they_are_to_each_other() -> None:
    one, other = message(subject="Answer"), message(subject="Question")
    related(one, other, "answers", note="after a week")
    assert "answers</span> <a" in section(shown(one))
    back = section(shown(other))
    assert "is answered by</span> <a" in back
    assert "Answer" in back
    assert "after a week" in back


def test_pages_and_files_show_the_mail_about_them() -> None:
    one = message(subject="On the budget")
    for target in (factories.workspace(), document(), image()):
        related(one, target)
        text = on_page(target)
        assert "is the subject of" in text
        assert "On the budget" in text
    assert on_page(factories.workspace()).strip() == ""


def test_a_panel_shows_it_to_editors(editor: User) -> None:
    one, page = message(subject="On the budget"), factories.workspace()
    related(one, page)
    request = RequestFactory().get("/")
    request.user, request.session = editor, Client().session
    panel = RelatedMailPanel().bind_to_model(type(page))
    bound = panel.get_bound_panel(instance=page, request=request, form=None)
    assert "On the budget" in bound.render_html({})
    assert str(bound.heading) == "Related mail"


# -- privacy ------------------------------------------------------------------------------------


def test_a_page_that_the_reader_may_not_read_is_not_told_of() -> None:
    one, below = message(), factories.workspace("Below", parent=factories.workspace("Closed"))
    related(one, below, note="a word about it")
    assert "Below" in section(shown(one))
    PageViewRestriction.objects.create(page=below.get_parent(), restriction_type="login")
    assert section(shown(one)) == ""
    assert "Below" in section(shown(one, browser_of(factories.user())))
    below.unpublish()
    assert section(shown(one, browser_of(factories.user()))) == ""


def test_mail_that_the_reader_may_not_read_is_not_told_of() -> None:
    secret = message(factories.folder(privacy="login"), "Secret")
    open_one, page = message(), factories.workspace()
    related(secret, page)
    related(secret, open_one)
    related(open_one, secret)
    assert section(shown(open_one)) == ""
    assert on_page(page).strip() == ""
    signed_in = factories.user()
    assert section(shown(open_one, browser_of(signed_in))).count("Secret") == 2
    assert "Secret" in on_page(page, signed_in)
    PageViewRestriction.objects.create(page=secret.page_ptr, restriction_type="groups")
    assert section(shown(open_one, browser_of(signed_in))) == ""
    assert on_page(page, signed_in).strip() == ""


def test_files_of_closed_collections_are_not_told_of() -> None:
    root = Collection.get_first_root_node()
    closed = root.add_child(instance=Collection(name="Closed"))
    below = closed.add_child(instance=Collection(name="Below"))
    one = message()
    related(one, document(below))
    assert "Contract" in section(shown(one))
    restriction = CollectionViewRestriction.objects.create(
        collection=closed, restriction_type="groups"
    )
    reader = factories.user()
    assert section(shown(one, browser_of(reader))) == ""
    group = reader.groups.create(name="Readers")
    restriction.groups.add(group)
    assert "Contract" in section(shown(one, browser_of(reader)))


def test_the_chooser_finds_only_what_the_user_may_read() -> None:
    open_one = message(subject="zebra in the open")
    secret = message(factories.folder(privacy="groups"), "zebra in secret")
    browser = browser_of(user_with(factories.home(), "change"))
    results = reverse("mailarchive_message_chooser:choose_results")
    text = browser.get(results, {"q": "zebra"}).content.decode()
    assert "zebra in the open" in text
    assert "zebra in secret" not in text
    assert "Type words of the message" in browser.get(results).content.decode()
    chosen = "mailarchive_message_chooser:chosen"
    answer = browser.get(reverse(chosen, args=[open_one.pk])).json()
    assert answer["result"]["title"] == "zebra in the open"
    assert browser.get(reverse(chosen, args=[secret.pk])).status_code == 404
    assert browser.get(reverse(chosen, args=["9" * 40])).status_code == 404


def test_wagtails_page_chooser_names_no_mail_that_the_editor_may_not_read() -> None:
    open_folder, closed = factories.folder(), factories.folder(privacy="groups", title="Closed")
    [shown, hidden, gone] = factories.archive(
        open_folder, *(factories.raw(f"{word} mail") for word in ("Open", "Hidden", "Gone"))
    )
    factories.archive(closed, factories.raw("Secret mail"))
    PageViewRestriction.objects.create(page=hidden.page_ptr, restriction_type="groups")
    trash.put(open_folder.pk, [gone.pk], user_id=None, reason="")
    browser = browser_of(user_with(factories.home(), "change"))

    def listed(page: Page, **query: str) -> str:
        address = reverse("wagtailadmin_choose_page_child", args=[page.pk])
        response = browser.get(address, query)
        assert response.status_code == 200
        return response.content.decode()

    text = listed(open_folder)
    assert shown.title in text
    assert "Hidden mail" not in text
    assert "Gone mail" not in text
    assert "Secret mail" not in listed(closed)
    # The folders themselves are pages like others, and searches go on.
    assert "Closed" in listed(closed.get_parent())
    found = browser.get(reverse("wagtailadmin_choose_page_search"), {"q": "Closed"})
    assert "Closed" in found.content.decode()


# -- what is gone -------------------------------------------------------------------------------


def test_a_deleted_target_leaves_a_trace(editor: User) -> None:
    one, page, file = message(), factories.workspace("Old plan"), document()
    related(one, page, note="see chapter 2")
    related(one, file, "based_on")
    page.delete()
    file.delete()
    read = section(shown(one))
    assert "a page that was deleted" in read
    assert "see chapter 2" in read
    assert "a document that was deleted" in read
    # Its title may have been for few; who may relate saw it in the chooser.
    assert "Old plan" not in read
    assert "Old plan" in section(shown(one, browser_of(editor)))


def test_a_kind_that_the_site_gave_up_stays_readable(settings: Settings) -> None:
    one, page = message(), factories.workspace()
    given = settings.WAGTAIL_MAILARCHIVE
    settings.WAGTAIL_MAILARCHIVE = given | {"RELATION_KINDS": {"filed": ("is filed in", "holds")}}
    related(one, page, "filed")
    assert "is filed in" in section(shown(one))
    assert "holds" in on_page(page)
    settings.WAGTAIL_MAILARCHIVE = given
    assert "filed" in section(shown(one))


# -- Wagtail's usage views ----------------------------------------------------------------------


def test_usage_of_a_page_names_the_message_to_who_may_see_it() -> None:
    one, page = message(subject="On the budget"), factories.workspace()
    related(one, page)
    [(source, _references)] = ReferenceIndex.get_references_to(page).group_by_source_object()
    assert source == Relation.objects.get()
    # Neither its message nor its author is used by it.
    assert not ReferenceIndex.get_references_to(one).exists()
    usage = reverse("wagtailadmin_pages:usage", args=[page.pk])
    text = browser_of(factories.superuser()).get(usage).content.decode()
    assert "On the budget" in text
    assert reverse("mailarchive_relations", args=[one.pk]) in text
    only_there = browser_of(user_with(page, "change"))
    text = only_there.get(usage).content.decode()
    assert "On the budget" not in text
    assert "(Private relation of a message)" in text


def test_usage_of_files_and_messages_is_known() -> None:
    one, other, file, picture = message(), message(), document(), image()
    for target in (other, file, picture):
        related(one, target)
        assert ReferenceIndex.get_references_to(target).count() == 1
    file.delete()
    assert ReferenceIndex.objects.filter(base_content_type__model="relation").count() == 2


# -- cost ---------------------------------------------------------------------------------------


def test_queries_do_not_grow_with_the_relations() -> None:
    one, page = message(), factories.workspace()

    def more() -> None:
        related(message(), page)
        related(one, factories.workspace())
        related(one, message())
        related(message(), one)
        related(one, document())
        related(one, image())

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            shown(one)
            on_page(page)
        assert not walks_over_messages(captured)
        return len(captured)

    more()
    shown(one)
    few = queries()
    for _ in range(4):
        more()
    assert queries() == few
