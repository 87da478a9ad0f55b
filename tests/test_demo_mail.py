"""The demo's mail is what it says it is, and its server hands out exactly those bytes."""

from __future__ import annotations

import base64
import email
import hashlib
import io
import re
import signal
import socket
import ssl
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs7
from imapclient import IMAPClient  # type: ignore[import-untyped]
from PIL import Image

from example_project import demo_mail, mail_server
from example_project.demo_mail import ACCOUNTS, DemoMessage, seeding, threads
from example_project.demo_mail.later import arrival
from wagtail_mailarchive.mime import tnef

END = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
PROJECT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def mail() -> list[DemoMessage]:
    return demo_mail.messages(END)


def find(mail: list[DemoMessage], needle: bytes) -> DemoMessage:
    """Return the first message whose bytes hold `needle`."""
    return next(each for each in mail if needle in each.raw)


def parsed(message: DemoMessage) -> EmailMessage:
    return email.message_from_bytes(message.raw, policy=policy.default)


def header_block(message: DemoMessage) -> bytes:
    return message.raw.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0]


def identity(message: DemoMessage) -> bytes:
    found = re.search(rb"(?im)^message-id:\s*(<[^>]+>)", header_block(message))
    return found[1] if found else b""


# -- the whole -------------------------------------------------------------------------------


@pytest.mark.parametrize("day", range(7))
def test_every_day_of_the_week_gives_enough_mail_before_its_end(day: int) -> None:
    end = END + timedelta(days=day)
    found = demo_mail.messages(end)
    assert len(found) >= 290
    assert all(each.received_at < end for each in found)
    assert found == sorted(found, key=lambda each: each.received_at)


def test_the_same_end_gives_the_same_bytes(mail: list[DemoMessage]) -> None:
    assert demo_mail.messages(END) == mail
    assert demo_mail.messages(END + timedelta(hours=3)) == mail
    assert demo_mail.messages(END - timedelta(days=1)) != mail


def test_mail_is_spread_over_fourteen_months_and_all_accounts(mail: list[DemoMessage]) -> None:
    months = Counter(each.received_at.strftime("%Y-%m") for each in mail)
    assert len(months) >= 14
    assert min(months.values()) >= 8
    accounts = Counter(each.mailbox for each in mail)
    assert accounts.keys() == {account.name for account in ACCOUNTS}
    assert min(accounts.values()) >= 80
    assert {each.folder for each in mail} == {"INBOX", "Sent", "Anmälningar"}
    assert {each.seen for each in mail} == {True, False}


def test_it_is_written_in_many_zones(mail: list[DemoMessage]) -> None:
    zones = Counter(re.findall(rb"(?m)^Date: .*([+-]\d{4})\r?$", b"\n".join(m.raw for m in mail)))
    assert len(zones) >= 5


def test_every_address_is_in_a_domain_that_cannot_exist(mail: list[DemoMessage]) -> None:
    hosts = set()
    for each in mail:
        hosts |= set(re.findall(rb"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)", header_block(each)))
    assert hosts
    assert {host for host in hosts if not host.endswith(b".example")} == set()


# -- threads ---------------------------------------------------------------------------------


def test_replies_name_messages_that_came_before_them(mail: list[DemoMessage]) -> None:
    known: set[bytes] = set()
    strangers = []
    for each in mail:
        answered = re.search(rb"(?m)^In-Reply-To:\s*(<[^>]+>)", header_block(each))
        if answered and answered[1] not in known:
            strangers.append(answered[1])
        known.add(identity(each))
    # One answers mail that nobody has; of two that answer each other, one comes first.
    assert len(strangers) == 2
    assert b"<never-arrived@bergstrom-sailing.example>" in strangers


def test_one_thread_is_long(mail: list[DemoMessage]) -> None:
    first = identity(find(mail, b"Subject: Release 4.2: what goes in, what waits\r\n"))
    thread = [each for each in mail if first in header_block(each)]
    assert len(thread) >= 25
    last = parsed(max(thread, key=lambda each: each.raw.count(b"@tidemark.example>")))
    assert last["References"].split()[0] == first.decode()
    assert last["References"].split()[-1] == last["In-Reply-To"]


def test_replies_quote_and_sign(mail: list[DemoMessage]) -> None:
    bodies = [each.raw for each in mail]
    assert sum(b"\r\n> " in each for each in bodies) >= 80
    # The separator's blank is protected where the text is quoted-printable.
    assert sum(b"\r\n-- \r\n" in each or b"\r\n--=20\r\n" in each for each in bodies) >= 100
    assert any(b"format=flowed" in each and b" \r\n" in each for each in bodies)


def test_a_text_that_is_not_understood_is_refused() -> None:
    with pytest.raises(ValueError, match="== soon"):
        threads.read("== soon engineering | Without a number\n@ asa\nText\n")
    with pytest.raises(ValueError, match="@ asa loudly"):
        threads.read("== 3 engineering | Subject\n@ asa loudly\nText\n")


# -- well-formed kinds -----------------------------------------------------------------------


def test_nearly_all_of_it_parses_without_a_defect(mail: list[DemoMessage]) -> None:
    faulty = 0
    for each in mail:
        message = parsed(each)
        defects = [d for part in message.walk() for d in part.defects]
        defects += [d for value in message.values() for d in value.defects]
        faulty += bool(defects)
    assert 5 <= faulty <= 16


@pytest.mark.parametrize(
    ("charset", "words"),
    [
        ("iso-2022-jp", "お世話になっております"),
        ("utf-8", "港の博物館の佐藤"),
        ("koi8-r", "Озеро на месте"),
        ("windows-1251", "В счёте № 418"),
        ("gb18030", "电缆长度可以加长"),
        ("windows-1256", "تغيير الإعداد عن بعد"),
        ("utf-8", "السيدة كلارا المحترمة"),
        ("utf-8", "הגשם הפסיק"),
        ("iso-8859-1", "Wäre eine Führung für 18"),
        ("iso-8859-15", "L'envoi coûte 12 €"),
        ("iso-8859-7", "ο παλιρροιογράφος"),
        ("euc-kr", "부산항의 파고"),
        ("iso-8859-2", "śmieje się"),
    ],
)
def test_languages_decode_in_their_charset(
    mail: list[DemoMessage], charset: str, words: str
) -> None:
    found = []
    for each in mail:
        message = email.message_from_bytes(each.raw)
        if message.get_content_type() == "text/plain" and message.get_param("charset") == charset:
            payload = message.get_payload(decode=True)
            assert isinstance(payload, bytes)
            found.append(payload.decode(charset) + str(parsed(each)["Subject"]))
    assert any(words in each for each in found)


def test_hebrew_is_declared_to_be_in_logical_order(mail: list[DemoMessage]) -> None:
    message = find(mail, b"charset=iso-8859-8-i")
    payload = email.message_from_bytes(message.raw).get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert "המוזיאון ביפו" in payload.decode("iso-8859-8")


def test_names_are_encoded_in_headers(mail: list[DemoMessage]) -> None:
    senders = {parsed(each)["From"] for each in mail if b"\nFrom: =?" in each.raw}
    shown = {str(sender.addresses[0].display_name) for sender in senders}
    expected = {"Åsa Lindqvist", "Олена Коваленко", "森田健二", "يوسف حداد", "דנה רוזן"}
    assert expected <= shown


def test_newsletters_have_inline_pictures_and_a_tracking_pixel(mail: list[DemoMessage]) -> None:
    letters = [each for each in mail if b"List-Unsubscribe-Post" in each.raw]
    assert len(letters) == 14
    message = parsed(letters[-1])
    page = message.get_body(("html",))
    assert page is not None
    html = page.get_content()
    used = set(re.findall(r'src="cid:([^"]+)"', html))
    carried = {part["Content-ID"].strip("<>") for part in message.walk() if part["Content-ID"]}
    assert used == carried
    assert len(used) == 2
    assert "lettersmith.example/o.gif" in html
    assert "display:none" in html
    assert max(map(len, re.findall(r"<(https[^>]+)>", message["List-Unsubscribe"]))) < 70


def test_attachments_are_what_their_names_say(mail: list[DemoMessage]) -> None:
    kinds: Counter[str] = Counter()
    for each in mail:
        if b"Content-Disposition: attachment" not in each.raw:
            continue
        for part in parsed(each).walk():
            name, data = part.get_filename() or "", part.get_payload(decode=True)
            if part.get_content_disposition() != "attachment" or not isinstance(data, bytes):
                continue
            kinds[name.rsplit(".", 1)[-1]] += 1
            if name.endswith((".png", ".jpg")) and name != "camera-2.png":
                Image.open(io.BytesIO(data)).verify()
            elif name.endswith(".pdf"):
                start = int(data.split(b"startxref\n")[1].split()[0])
                assert data[start : start + 4] == b"xref"
                for number, line in enumerate(data[start:].split(b"\n")[3:8], 1):
                    assert data[int(line[:10]) :].startswith(b"%d 0 obj" % number)
            elif name.endswith(".docx"):
                assert "word/document.xml" in zipfile.ZipFile(io.BytesIO(data)).namelist()
            elif name.endswith(".csv"):
                lines = data.decode("ascii").removesuffix("\r\n").split("\r\n")
                assert len(lines) > 4
                assert {line.count(",") for line in lines} == {lines[0].count(",")}
    assert {"pdf", "png", "jpg", "csv", "docx", "log", "p7s", "ics"} <= kinds.keys()


def test_long_file_names_come_in_pieces(mail: list[DemoMessage]) -> None:
    message = find(mail, b"Subject: Drawings for the outdoor basin")
    assert b"filename*1*=" in message.raw
    names = [part.get_filename() for part in parsed(message).iter_attachments()]
    assert "Übersichtsplan Außenbecken" in str(names[0])
    assert names[1:] == [
        "潮位計の設置手順書(改訂第三版).docx",
        "قراءات-المحطة-٧.csv",
        "../../etc/strøm & <vind>.png",
    ]


def test_a_bounce_reports_a_message_that_was_sent(mail: list[DemoMessage]) -> None:
    bounce = parsed(find(mail, b"multipart/report"))
    _, status, returned = bounce.iter_parts()
    assert bounce.get_param("report-type") == "delivery-status"
    assert status.get_content_type() == "message/delivery-status"
    assert [block["Status"] for block in status.iter_parts()] == [None, "5.1.1"]
    assert returned.get_content()["Message-ID"] == bounce["In-Reply-To"]


def test_an_invitation_asks_and_is_updated(mail: list[DemoMessage]) -> None:
    found = [each for each in mail if b"text/calendar" in each.raw]
    assert len(found) == 2
    for sequence, each in enumerate(found):
        calendar = next(p for p in parsed(each).walk() if p.get_content_type() == "text/calendar")
        assert calendar.get_param("method") == "REQUEST"
        assert "METHOD:REQUEST" in calendar.get_content()
        assert f"SEQUENCE:{sequence}" in calendar.get_content()


def test_outlooks_wrapping_holds_files(mail: list[DemoMessage]) -> None:
    message = parsed(find(mail, b"application/ms-tnef"))
    (sheet,) = message.iter_attachments()
    assert sheet.get_filename() == "winmail.dat"
    content = sheet.get_content()
    plan, chart = tnef.files(content)
    assert (plan.filename, chart.filename) == ("stand-b14.pdf", "hall-3.png")
    assert content[plan.start :].startswith(b"%PDF-1.4")


def test_the_server_reports_on_mail_from_outside_alone(mail: list[DemoMessage]) -> None:
    reported = [parsed(each)["Authentication-Results"] for each in mail]
    told = [each for each in reported if each]
    assert 20 <= len(told) <= len(mail) // 2
    assert {each.split(";")[0] for each in told} == {"mx.tidemark.example"}
    assert sum("dmarc=fail" in each for each in told) == 1
    inside = find(mail, b"Subject: Release 4.2: what goes in")
    assert b"Authentication-Results" not in inside.raw


def test_a_forwarded_message_is_whole(mail: list[DemoMessage]) -> None:
    outer = parsed(find(mail, b"Subject: Fwd: Ebba asks"))
    _, attached = outer.iter_parts()
    inner = attached.get_content()
    assert inner["Subject"] == "Ebba asks: does the sea get tired?"
    assert [part.get_filename() for part in inner.iter_attachments()] == [
        "does-the-sea-get-tired.png"
    ]


def test_the_s_mime_signature_covers_the_signed_bytes(mail: list[DemoMessage]) -> None:
    raw = find(mail, b"application/pkcs7-signature").raw
    boundary = re.search(rb'boundary="([^"]+)"', raw)
    assert boundary
    _, signed, signature, _ = raw.split(b"--" + boundary[1])
    der = base64.b64decode(signature.split(b"\r\n\r\n", 1)[1])
    certificate = pkcs7.load_der_pkcs7_certificates(der)[0]
    assert "juergen.weiss@tidemark.example" in certificate.subject.rfc4514_string()
    # The attribute messageDigest (RFC 5652 section 11.2) of the part between the boundaries.
    assert hashlib.sha256(signed[2:-2]).digest() in der


def test_a_pgp_signature_is_attached_in_armour(mail: list[DemoMessage]) -> None:
    message = parsed(find(mail, b"application/pgp-signature"))
    assert message.get_content_type() == "multipart/signed"
    armour = list(message.iter_parts())[1].get_payload(decode=True)
    assert isinstance(armour, bytes)
    assert armour.startswith(b"-----BEGIN PGP SIGNATURE-----\r\n")


def test_a_hostile_page_tries_everything(mail: list[DemoMessage]) -> None:
    page = parsed(find(mail, b"Subject: Yearly security test")).get_body(("html",))
    assert page is not None
    html = page.get_content()
    for trick in (
        "<script>", "onerror=", "onload=", "position:fixed", "<form", "url(", "javascript:",
        "<iframe", "<base", "http-equiv", "@import", "data:text/html", "formaction", "<svg",
    ):  # fmt: skip
        assert trick in html


# -- odd and broken kinds --------------------------------------------------------------------


def test_subjects_may_be_empty_missing_or_endless(mail: list[DemoMessage]) -> None:
    subjects = [parsed(each)["Subject"] for each in mail]
    assert "" in subjects
    assert None in subjects
    assert max(len(each or "") for each in subjects) > 350


def test_dates_may_be_missing_or_absurd(mail: list[DemoMessage]) -> None:
    years: Counter[int | str] = Counter()
    for each in mail:
        header = parsed(each)["Date"]
        moment = header.datetime if header else None
        years["missing" if header is None else moment.year if moment else "unreadable"] += 1
    assert years[1970] == years[2099] == years["unreadable"] == 1
    assert years["missing"] >= 1


def test_identities_are_missing_shared_and_repeated(mail: list[DemoMessage]) -> None:
    assert any(not identity(each) for each in mail)
    shared = [name for name, count in Counter(map(identity, mail)).items() if name and count > 1]
    copies = [[each.raw for each in mail if identity(each) == name] for name in shared]
    assert sorted(len(set(raws)) for raws in copies) == [1, 2]


def test_bytes_are_broken_in_every_way_we_promise(mail: list[DemoMessage]) -> None:
    blocks = [header_block(each) for each in mail]
    assert any(b"F\xf6rfr\xe5gan" in each for each in blocks)
    assert any("Größe".encode() in each for each in blocks)
    assert any(each.endswith(b"Content-Type: multipart/mixed") for each in blocks)
    assert any(b"\0" in each.raw for each in mail)
    assert any(b"***" in each.raw for each in mail)
    assert any(b"charset=us-ascii" in e.raw and b"Gr\xfc\xdfe" in e.raw for e in mail)
    assert any(b"charset=x-gate-9" in each.raw for each in mail)
    assert any(b"\n" in each.raw and b"\r" not in each.raw for each in mail)
    assert any(max(map(len, each.raw.split(b"\n"))) > 2048 for each in mail)
    assert any(each.raw.startswith(b"\r\n") for each in mail)
    assert any(b"\r\n\r\n" not in each.raw and b"\n\n" not in each.raw for each in mail)


# -- the server ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def credentials(directory: Path) -> mail_server.Credentials:
    return mail_server.prepare(directory)


@pytest.fixture(scope="module")
def seeded(directory: Path, credentials: mail_server.Credentials) -> list[DemoMessage]:
    """What the server was given; not `mail`, since it is seeded as of today."""
    today = (directory / "credentials.json").stat().st_mtime
    return demo_mail.messages(datetime.fromtimestamp(today, UTC))


@contextmanager
def serving(directory: Path, stop: signal.Signals = signal.SIGTERM) -> Iterator[int]:
    """Run the server on a free port until the block ends; it has to end within two seconds."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = mail_server.command(directory, port)
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert str(port) in process.stdout.readline()
            yield port
            process.send_signal(stop)
            assert process.wait(timeout=2) == 0
        finally:
            process.kill()


@pytest.fixture(scope="module")
def port(directory: Path, credentials: mail_server.Credentials) -> Iterator[int]:
    with serving(directory) as port:
        yield port


def login(credentials: mail_server.Credentials, port: int, name: str) -> IMAPClient:
    context = ssl.create_default_context(cadata=credentials.ca_certificate)
    client = IMAPClient(credentials.host, port, ssl=True, ssl_context=context, timeout=10)
    client.normalise_times = False
    entry = next(each for each in credentials.logins if each.name == name)
    client.login(entry.username, entry.password)
    return client


@pytest.mark.parametrize("name", [account.name for account in ACCOUNTS])
def test_the_server_hands_out_every_message_byte_for_byte(
    credentials: mail_server.Credentials, seeded: list[DemoMessage], port: int, name: str
) -> None:
    expected = [each for each in seeded if each.mailbox == name]
    client = login(credentials, port, name)
    folders = {folder for _, _, folder in client.list_folders()}
    assert folders == {each.folder for each in expected}
    for folder in folders:
        client.select_folder(folder, readonly=True)
        inside = [each for each in expected if each.folder == folder]
        uids = client.search("ALL")
        assert uids == list(range(1, len(inside) + 1))
        found = client.fetch(uids, ["BODY.PEEK[]", "INTERNALDATE", "FLAGS", "RFC822.SIZE"])
        pieces = client.fetch(uids, ["BODY.PEEK[]<0.100>"])
        for uid, each in zip(uids, inside, strict=True):
            assert found[uid][b"BODY[]"] == each.raw
            assert found[uid][b"RFC822.SIZE"] == len(each.raw)
            assert found[uid][b"INTERNALDATE"] == each.received_at
            assert (b"\\Seen" in found[uid][b"FLAGS"]) == each.seen
            assert pieces[uid][b"BODY[]<0>"] == each.raw[:100]
    client.logout()


def test_a_wrong_password_is_refused(credentials: mail_server.Credentials, port: int) -> None:
    context = ssl.create_default_context(cadata=credentials.ca_certificate)
    with (
        IMAPClient(credentials.host, port, ssl=True, ssl_context=context) as client,
        pytest.raises(client.Error),
    ):
        client.login(credentials.logins[0].username, "guess")


def test_only_its_own_authority_vouches_for_the_server(port: int) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        IMAPClient("localhost", port, ssl=True, ssl_context=ssl.create_default_context())


def test_mail_that_arrives_later_gets_the_next_uid_and_joins_its_thread(
    directory: Path,
    credentials: mail_server.Credentials,
    seeded: list[DemoMessage],
    port: int,
) -> None:
    client = login(credentials, port, "engineering")
    client.select_folder("INBOX", readonly=True)
    before = client.search("ALL")
    delivered = mail_server.deliver(directory)
    assert delivered.mailbox == "engineering"
    client.select_folder("INBOX", readonly=True)
    after = client.search("ALL")
    assert after == [*before, before[-1] + 1]
    raw = client.fetch(after[-1:], ["BODY.PEEK[]"])[after[-1]][b"BODY[]"]
    assert raw == delivered.raw
    answered = email.message_from_bytes(raw, policy=policy.default)["In-Reply-To"]
    assert any(identity(each).decode() == answered for each in seeded)
    client.logout()


def test_later_mail_never_repeats_itself() -> None:
    many = [arrival(number, END) for number in range(12)]
    assert len({identity(each) for each in many}) == 12


def test_a_second_start_keeps_uids_flags_and_passwords(tmp_path: Path) -> None:
    first = mail_server.prepare(tmp_path)
    with serving(tmp_path, signal.SIGINT) as port:
        client = login(first, port, "events")
        validity = client.select_folder("INBOX")[b"UIDVALIDITY"]
        uid = client.search("UNSEEN")[0]
        client.add_flags([uid], [b"\\Seen"])
        client.delete_messages([uid + 1])
        client.uid_expunge([uid + 1])
        uids = client.search("ALL")

    second = mail_server.prepare(tmp_path)
    assert second == first
    with serving(tmp_path) as port:
        client = login(second, port, "events")
        assert client.select_folder("INBOX", readonly=True)[b"UIDVALIDITY"] == validity
        assert client.search("ALL") == uids
        assert uid + 1 not in uids
        assert uid not in client.search("UNSEEN")
        client.idle()  # an idling client does not keep the server from ending


def test_a_first_start_that_was_interrupted_begins_anew(tmp_path: Path) -> None:
    half = tmp_path / "mail" / "engineering" / "cur" / "half-a-message:2,"
    half.parent.mkdir(parents=True)
    half.touch()
    mail_server.prepare(tmp_path)
    assert not half.exists()
    assert len(list(half.parent.iterdir())) > 100


def test_a_port_in_use_is_said_in_one_sentence(
    directory: Path, credentials: mail_server.Credentials
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        done = subprocess.run(
            mail_server.command(directory, number), cwd=PROJECT, capture_output=True, text=True
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"Port {number} is in use by another program; choose another one with --port.\n"
    )


def test_keys_and_passwords_are_for_the_owner_alone(
    directory: Path, credentials: mail_server.Credentials
) -> None:
    for name in ("credentials.json", "server.pem", "mail/pymap-etc-shadow"):
        assert (directory / name).stat().st_mode & 0o077 == 0
    stored = (directory / "mail" / "pymap-etc-shadow").read_text()
    for entry in credentials.logins:
        assert entry.password not in stored + repr(credentials)


def test_a_message_never_lies_half_written_in_the_maildir(
    tmp_path: Path, mail: list[DemoMessage]
) -> None:
    seeding.add(tmp_path / "box", mail[0], 7)
    folder = tmp_path / "box"
    assert [path.read_bytes() for path in (folder / "new").iterdir()] == [mail[0].raw]
    assert list((folder / "tmp").iterdir()) == []
