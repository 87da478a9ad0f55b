"""What the message page tells beside the body: neighbours, headers, invitations, who sent it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.message import EmailMessage
from html import unescape
from urllib.parse import parse_qs, unquote

import pytest
from django.core.cache import cache
from django.test import Client, override_settings
from django.utils import timezone
from wagtail.models import PageViewRestriction
from wagtail.users.models import UserProfile

from tests import factories, settings
from tests.mime.test_invitations import OUTLOOK
from tests.mime.winmail import winmail
from tests.reading import mail
from wagtail_mailarchive.models import (
    DkimSignature,
    DkimVerdict,
    EmailMessagePage,
    OriginalChunk,
)
from wagtail_mailarchive.reading.reply_link import MAX_LENGTH, reply_link

pytestmark = pytest.mark.django_db

BEGIN = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


def archived(*raws: bytes) -> list[EmailMessagePage]:
    return factories.archive(factories.folder(), *raws)


def shown(page: EmailMessagePage, client: Client | None = None) -> str:
    response = (client or Client()).get(page.url)
    assert response.status_code == 200
    return response.content.decode()


def links(text: str) -> dict[str, str]:
    """Return where the steps to neighbours lead, by their words."""
    found = re.findall(r'<a class="mailarchive-neighbours__\w+" href="([^"]*)"><span>([^<]*)', text)
    return {words: address for address, words in found}


# -- neighbours ------------------------------------------------------------------------------


def test_neighbours_in_the_folder_follow_the_date_and_then_the_key() -> None:
    same = [mail.dated(BEGIN, f"Same {number}") for number in range(3)]
    pages = archived(*same, mail.dated(BEGIN.replace(hour=9), "Earlier"))
    order = [pages[2], pages[1], pages[0], pages[3]]  # newest first
    for at, page in enumerate(order):
        expected = {}
        if at:
            expected["Newer in the folder"] = order[at - 1].url
        if at + 1 < len(order):
            expected["Older in the folder"] = order[at + 1].url
        assert links(shown(page)) == expected


def test_neighbours_that_the_reader_may_not_see_are_passed_over() -> None:
    pages = archived(*mail.series(3, BEGIN))
    PageViewRestriction.objects.create(page=pages[1].page_ptr, restriction_type="login")
    assert links(shown(pages[2])) == {"Older in the folder": pages[0].url}
    reader = Client()
    reader.force_login(factories.user())
    assert links(shown(pages[2], reader)) == {"Older in the folder": pages[1].url}


def test_neighbours_in_the_thread() -> None:
    first = factories.raw("Plan", Message_ID="<a@example.org>")
    other = factories.raw("Else", Date="Thu, 05 Mar 2026 15:00:00 +0100")
    answer = factories.raw(
        "Re: Plan", In_Reply_To="<a@example.org>", Date="Thu, 05 Mar 2026 16:00:00 +0100"
    )
    pages = archived(first, other, answer)
    assert links(shown(pages[0]))["Next in the thread"] == pages[2].url
    assert links(shown(pages[2]))["Previous in the thread"] == pages[0].url
    assert not [words for words in links(shown(pages[1])) if "thread" in words]


# -- views -----------------------------------------------------------------------------------


def test_the_view_is_remembered_and_an_address_still_wins() -> None:
    (page,) = archived(mail.html())
    reader = Client()
    assert "<iframe" in shown(page, reader)
    assert "mailarchive_view" not in reader.cookies
    assert "<iframe" not in reader.get(page.url + "?view=text").content.decode()
    cookie = reader.cookies["mailarchive_view"]
    assert (cookie.value, cookie["samesite"], cookie["httponly"]) == ("text", "Lax", True)
    assert "<iframe" not in shown(page, reader)
    assert "<iframe" in reader.get(page.url + "?view=html").content.decode()
    assert "<iframe" in shown(page, reader)


def test_a_view_that_is_none_is_not_kept() -> None:
    (page,) = archived(mail.html())
    reader = Client()
    reader.get(page.url + "?view=%0d%0aevil")
    assert "mailarchive_view" not in reader.cookies


def test_images_are_shown_although_text_was_chosen_before() -> None:
    (page,) = archived(mail.html())
    reader = Client()
    reader.get(page.url + "?view=text")
    assert "<iframe" in reader.post(page.url).content.decode()


# -- headers ---------------------------------------------------------------------------------


def test_all_headers_are_shown_decoded_and_escaped() -> None:
    raw = (
        b"Received: from a.example\r\n\tby b.example; Thu, 5 Mar 2026\r\n"
        b"X-Strange: =?utf-8?q?Gr=C3=BC=C3=9Fe?= <script>\r\nno field at all\r\n"
        b"From: a@b.example\r\n\r\nX-Body: none\r\n"
    )
    (page,) = archived(raw)
    response = Client().get(page.url + "headers/")
    text = response.content.decode()
    assert re.findall(r"<bdi>([\w-]+)</bdi></dt><dd[^>]*>([^<]*)", text) == [
        ("Received", "from a.example by b.example; Thu, 5 Mar 2026"),
        ("X-Strange", "Grüße &lt;script&gt;"),
        ("From", "a@b.example"),
    ]
    assert "no field at all" in text
    assert "X-Body" not in text


def test_headers_are_as_private_as_the_page() -> None:
    (page,) = archived(factories.raw())
    PageViewRestriction.objects.create(page=page.page_ptr, restriction_type="login")
    assert Client().get(page.url + "headers/").status_code == 302
    assert Client().post(page.url + "headers/").status_code == 302


def test_a_store_that_fails_is_told_of_by_headers() -> None:
    (page,) = archived(factories.raw())
    OriginalChunk.objects.all().delete()
    assert Client().get(page.url + "headers/").status_code == 503


# -- answering -------------------------------------------------------------------------------


def fields(link: str) -> tuple[str, dict[str, str]]:
    to, _, query = link.removeprefix("mailto:").partition("?")
    return unquote(to), {name: values[0] for name, values in parse_qs(query).items()}


def test_a_reply_stays_in_its_thread() -> None:
    (page,) = archived(
        factories.raw(
            "Grüße & mehr?",
            From='"Ada, L" <ada+lists@example.org>',
            Message_ID="<a&b=c@example.org>",
            References="<first@example.org> <second@example.org>",
        )
    )
    link = unescape(re.findall(r'href="(mailto:[^"]*)"', shown(page))[0])
    assert fields(link) == (
        "ada+lists@example.org",
        {
            "Subject": "Re: Grüße & mehr?",
            "In-Reply-To": "<a&b=c@example.org>",
            "References": "<first@example.org> <second@example.org> <a&b=c@example.org>",
        },
    )
    assert re.fullmatch(r"mailto:[\w@.%?&=;-]+", link)  # RFC 6068 section 2


def test_a_reply_goes_where_it_is_wanted() -> None:
    (page,) = archived(factories.raw("RE: x", Reply_To="list@example.org, b@example.org"))
    to, values = fields(reply_link(page))
    assert to == "list@example.org,b@example.org"
    assert values["Subject"] == "RE: x"


def test_a_reply_link_is_bounded() -> None:
    long = [f"<{number}-{'x' * 80}@example.org>" for number in range(60)]
    (page,) = archived(factories.raw("é" * 900, References=" ".join(long)))
    link = reply_link(page)
    _, values = fields(link)
    assert len(link) <= MAX_LENGTH
    assert values.get("References", long[0]).split()[0] == long[0]
    assert "In-Reply-To" in values


def test_without_a_sender_there_is_nobody_to_answer() -> None:
    (page,) = archived(factories.raw(From="undisclosed"))
    assert "mailto:" not in shown(page)


# -- invitations -----------------------------------------------------------------------------


def invitation(text: str) -> EmailMessagePage:
    message = EmailMessage()
    message["From"] = "ada@example.org"
    message.set_content("You are invited\n")
    message.add_alternative(text.encode(), "text", "calendar")
    (page,) = archived(message.as_bytes())
    return page


def test_an_invitation_is_a_card_in_the_readers_zone() -> None:
    page = invitation(OUTLOOK)
    user = factories.user()
    UserProfile.objects.create(user=user, current_time_zone="America/New_York")
    reader = Client()
    reader.force_login(user)
    text = shown(page, reader)
    for expected in (
        "Invitation",
        "Plan, the next",
        "March 5, 2026, 4 a.m. – 5:30 a.m. EST",
        "March 5, 2026, 10 a.m. – 11:30 a.m. in Europe/Berlin",
        "every 2 weeks on Monday and Wednesday until Dec. 30, 2026",
        "Room 1",
        "<bdi>Bo</bdi> (accepted)",
        "<bdi>cy@example.org</bdi>",
    ):
        assert expected in text, expected
    # In the zone that it is meant in there is nothing more to be said.
    assert "in Europe/Berlin" not in shown(page)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("METHOD:REQUEST", "METHOD:CANCEL"), "Cancelled event"),
        (("METHOD:REQUEST", "METHOD:REPLY"), "Answer to an invitation"),
        (("METHOD:REQUEST\n", ""), "Event"),
        (("SUMMARY:Plan", "SUMMARY:<script>"), "&lt;script&gt;"),
        (("RRULE:", "RRULE:BYSETPOS=1;"), "more than once; the calendar file says when"),
    ],
)
def test_other_cards(change: tuple[str, str], expected: str) -> None:
    text = shown(invitation(OUTLOOK.replace(*change)))
    assert expected in text
    assert "<script>" not in text


def test_days_are_days_everywhere() -> None:
    zone = "TZID=W. Europe Standard Time:"
    dates = OUTLOOK.replace(f"{zone}20260305T100000", "VALUE=DATE:20260305")
    text = shown(invitation(dates.replace(f"{zone}20260305T113000", "VALUE=DATE:20260308")))
    assert "March 5, 2026 – March 7, 2026" in text


# -- winmail.dat -----------------------------------------------------------------------------


def test_files_in_a_winmail_dat_are_downloaded_with_their_exact_bytes() -> None:
    content = bytes(range(256)) * 20
    packed = winmail(("A~1.TXT", b"first", "../a <b>.txt"), ("B.BIN", content, ""))
    (page,) = archived(mail.attached("winmail.dat", packed, "application/ms-tnef"))
    text = shown(page)
    assert "Inside winmail.dat" in text
    assert "a _b_.txt" in text
    address = f"{page.url}attachment/0/inside/1/"
    assert f'href="{address}"' in text
    response = Client().get(address)
    assert b"".join(response.streaming_content) == content  # type: ignore[attr-defined]
    assert response["Content-Disposition"] == 'attachment; filename="B.BIN"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Type"] == "application/octet-stream"
    for wrong in ("0/inside/2/", "1/inside/0/"):
        assert Client().get(f"{page.url}attachment/{wrong}").status_code == 404
    PageViewRestriction.objects.create(page=page.page_ptr, restriction_type="login")
    assert Client().get(address).status_code == 302


# -- who sent it -----------------------------------------------------------------------------

RESULTS = (
    "Authentication-Results: mx.example.org; dkim=fail header.d=real.example\n"
    "Authentication-Results: MX.example.org; dkim=pass header.d=bank.example;"
    " spf=pass smtp.mailfrom=ada@real.example; x-odd=pass; dmarc=<b>\n"
    "Authentication-Results: other.example; arc=pass\n"
    "Authentication-Results: mx.example.org; dmarc=pass header.from=bank.example\n"
)


def test_only_trusted_servers_are_quoted_and_of_each_the_last_word() -> None:
    (page,) = archived(RESULTS.encode() + factories.raw())
    assert "reported" not in shown(page)
    trusting = {**settings.WAGTAIL_MAILARCHIVE, "TRUSTED_AUTHSERV_IDS": ["mx.Example.org"]}
    with override_settings(WAGTAIL_MAILARCHIVE=trusting):
        text = shown(page)
    assert "mx.example.org reported: DKIM fail for real.example, SPF pass for real.example." in text
    assert "bank.example" not in text


@pytest.mark.parametrize("result", ["; dkim=none", "; none", ""])
def test_a_trusted_name_below_another_servers_word_is_not_believed(result: str) -> None:
    """Mail of an account that the trusted server does not stand before."""
    own = f"Authentication-Results: mx.elsewhere.example{result}\n"
    (page,) = archived(own.encode() + RESULTS.encode() + factories.raw())
    trusting = {**settings.WAGTAIL_MAILARCHIVE, "TRUSTED_AUTHSERV_IDS": ["mx.example.org"]}
    with override_settings(WAGTAIL_MAILARCHIVE=trusting):
        assert "reported" not in shown(page)


def test_what_this_archive_found_out_is_told_with_its_key() -> None:
    (page,) = archived(b"DKIM-Signature: v=1; d=example.org; s=s1\n" + factories.raw())
    assert "DKIM" not in shown(page)
    DkimSignature.objects.create(
        original=page.original,
        position=0,
        domain="example.org",
        selector="s1",
        verdict=DkimVerdict.PASS,
        key="v=DKIM1; p=AAA",
        checked_at=timezone.make_aware(datetime(2026, 3, 6, 12, 0)),
    )
    text = unescape(shown(page))
    assert (
        "This archive looked at the DKIM signature of example.org on March 6, 2026: valid." in text
    )
    assert 's1._domainkey.example.org TXT "v=DKIM1; p=AAA"' in text


def test_signed_and_encrypted_mail_is_said_to_be() -> None:
    signed, encrypted = archived(
        b"Content-Type: multipart/signed; boundary=b; protocol=application/pgp-signature\n\n"
        b"--b\n\ntext\n--b--\n",
        b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIIB\n",
    )
    assert "Signed with OpenPGP." in shown(signed)
    assert "Encrypted with S/MIME." in shown(encrypted)
