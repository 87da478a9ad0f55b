"""What is kept shows no secret to those who read it: tables, pages, APIs, revisions."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from django.test import Client, override_settings
from django.urls import path
from wagtail.api.v2.router import WagtailAPIRouter
from wagtail.api.v2.views import PagesAPIViewSet
from wagtail.models import APIToken, Page

from tests import factories
from tests.leaks.finder import ACCESS, FINDER, PASSWORD, REFRESH, Finder, Seen
from tests.leaks.life import Browser, look_everywhere, visit_everything
from tests.urls import urlpatterns as site_urls
from wagtail_mailarchive.models import MailAccount, OAuthGrant, RunStatus, secret

pytestmark = pytest.mark.django_db


@pytest.fixture
def stored(db: None) -> MailAccount:
    """An account with a password and the tokens of a sign-in."""
    account = factories.account(factories.folder(title="Offers"), name="Stored")
    account.set_secret(PASSWORD)
    account.save()
    OAuthGrant.objects.create(
        account=account,
        provider="any",
        sealed_refresh_token=secret.seal(REFRESH, account.binding),
        sealed_access_token=secret.seal(ACCESS, account.binding),
    )
    return account


@pytest.fixture
def sealed(stored: MailAccount) -> Finder:
    """Finds what is encrypted, which has no business outside the database either."""
    grant = stored.grant
    return Finder(
        password=stored.sealed_secret,
        refresh=grant.sealed_refresh_token,
        access=grant.sealed_access_token,
    )


def test_tables_hold_nothing_readable(stored: MailAccount, seen: Seen, sealed: Finder) -> None:
    look_everywhere(seen)
    assert FINDER.leaks(seen) == {}
    # Where the encrypted ones are found, a readable one would have been.
    assert set(sealed.leaks(seen)) == {"tables", "dump"}


def test_pages_of_the_admin_show_nothing_not_even_encrypted(
    stored: MailAccount, seen: Seen, sealed: Finder
) -> None:
    factories.fetch_run(stored, RunStatus.SUCCEEDED)
    visit_everything(Browser(factories.superuser(), seen), stored)
    assert FINDER.leaks(seen) == {}
    assert sealed.leaks(seen) == {}


@pytest.mark.parametrize("read", ["version 2", "version 3", "page", "revision"])
def test_no_way_to_read_a_page_gives_its_accounts(
    stored: MailAccount, seen: Seen, sealed: Finder, read: str
) -> None:
    folder = stored.folder
    if read == "version 2":
        text = in_api_v2(folder)
    elif read == "version 3":
        text = in_api_v3(folder)
    elif read == "page":
        text = json.dumps(folder.serializable_data(), default=str)
    else:
        text = json.dumps(folder.save_revision().content)
    assert "Offers" in text
    seen[read].append(text)
    assert FINDER.leaks(seen) == sealed.leaks(seen) == {}
    for value in (stored.name, stored.host, stored.username):
        assert value not in text


def in_api_v2(page: Page) -> str:
    with override_settings(ROOT_URLCONF=__name__):
        answer = Client().get(f"/api/v2/pages/{page.pk}/?fields=*")
    assert answer.status_code == 200
    return answer.content.decode()


router = WagtailAPIRouter("v2")
router.register_endpoint("pages", PagesAPIViewSet)
urlpatterns = [path("api/v2/", router.urls), *site_urls]


def in_api_v3(page: Page) -> str:
    _token, plain = APIToken.create_token(user=factories.superuser(), name="tests")
    client = Client(headers={"authorization": f"Bearer {plain}"})
    answer = client.get(f"/api/v3/pages/{page.pk}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_objects_show_and_carry_nothing(stored: MailAccount, sealed: Finder) -> None:
    grant = stored.grant
    for each in (stored, grant, stored.endpoint(), stored.endpoint(ACCESS)):
        assert not FINDER.names_in(repr(each))
        assert not FINDER.names_in(str(each))
    for row in (stored, grant, copy.deepcopy(grant)):
        assert not sealed.names_in(pickle.dumps(row))
