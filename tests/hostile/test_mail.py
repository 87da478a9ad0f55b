"""Every hostile message is archived as it is, within its limits, and hurts no page that shows it.

All of the corpora beside the checkout and everything in mail.py go through the parser's process,
the writer, the database and the pages of a reader.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests import factories
from tests.hostile import journey
from tests.hostile.counting import MESSAGES, Count
from tests.hostile.extent import EVERYTHING
from tests.hostile.fields import FIELDS
from tests.hostile.mail import MAIL
from tests.mime.corpora import CORPORA, every_file, needs_corpora
from wagtail_mailarchive.models import EmailFolderPage

pytestmark = pytest.mark.django_db

# In `make test`, of the corpora's messages every so many are shown; `make hostile` shows all.
SHOWN = 1 if EVERYTHING else 8
MUTATIONS = 1_500 if EVERYTHING else 150


@pytest.fixture(scope="module")
def parser() -> Iterator[journey.Measured]:
    measured = journey.Measured()
    with measured.process:
        yield measured


@pytest.fixture
def folder() -> EmailFolderPage:
    return factories.folder()


# The others are parsed in tests/mime/test_bombs.py and archived together below.
ALONE = [
    name
    for name in MAIL
    if EVERYTHING or not (name.startswith(("header:", "body:")) or name in FIELDS)
]


@pytest.mark.parametrize("name", ALONE)
def test_it_is_archived_byte_for_byte_and_shown(
    name: str, parser: journey.Measured, folder: EmailFolderPage, count: Count
) -> None:
    raw = MAIL[name]()
    parsed = parser.parse(raw)
    with journey.within_limits():
        [page] = journey.archived(folder, [raw], [parsed])

    # None of these needs quarantine: whatever can be read of them is.
    assert page is not None
    editor = Client()
    editor.force_login(factories.superuser())
    with journey.within_limits():
        journey.shows(Client(), page)
        journey.is_found(Client(), [page])
        inspection = editor.get(reverse("wagtailadmin_pages:edit", args=[page.pk]))
    assert inspection.status_code == 200
    assert journey.tree_is_whole()
    count(MESSAGES, 1)


def test_hostile_fields_are_archived_in_one_batch(
    parser: journey.Measured, folder: EmailFolderPage, count: Count
) -> None:
    _archived_and_shown(list(FIELDS.values()), parser, folder)
    count(MESSAGES, 0 if EVERYTHING else len(FIELDS))  # each was counted alone then


def corpora() -> list[str]:
    """The folders of other projects, one test each."""
    return sorted(path.name for path in CORPORA.iterdir() if path.is_dir())


@needs_corpora
@pytest.mark.parametrize("project", corpora() if CORPORA.is_dir() else [""])
def test_mail_of_other_projects_is_archived_byte_for_byte_and_shown(
    project: str, parser: journey.Measured, folder: EmailFolderPage, count: Count
) -> None:
    raws = [
        path.read_bytes() for path in every_file() if path.relative_to(CORPORA).parts[0] == project
    ]
    assert raws
    _archived_and_shown(raws, parser, folder)
    count(MESSAGES, len(raws))


def _archived_and_shown(
    raws: Sequence[bytes], parser: journey.Measured, folder: EmailFolderPage
) -> None:
    found = journey.archived(folder, raws, [parser.parse(raw) for raw in raws])
    pages = [page for page in found if page is not None]
    assert len(pages) == len(raws)
    for page in pages[::SHOWN]:
        journey.shows(Client(), page)
    journey.is_found(Client(), pages[::8])
    assert journey.tree_is_whole()


def test_a_body_of_many_parts_is_read_in_few_steps(
    parser: journey.Measured, folder: EmailFolderPage
) -> None:
    raw = MAIL["100,000 HTML parts"]()
    [page] = journey.archived(folder, [raw], [parser.parse(raw)])
    assert page is not None
    with CaptureQueriesContext(connection) as queries:
        journey.shows(Client(), page)
    assert len(queries) < 200


def test_mutated_mail_is_archived_byte_for_byte(
    parser: journey.Measured, folder: EmailFolderPage, count: Count
) -> None:
    """In batches, as a fetch writes them: one message must not refuse its neighbours."""
    seed = random.randrange(1 << 30) if EVERYTHING else 4
    chance = random.Random(seed)
    sources = [raw for raw in _sources() if len(raw) < 200_000]
    raws = list({_mutated(chance, chance.choice(sources)) for _ in range(MUTATIONS)})
    for start in range(0, len(raws), 50):
        batch = raws[start : start + 50]
        pages = journey.archived(folder, batch, [parser.parse(raw) for raw in batch])
        assert None not in pages, f"seed {seed}"
        assert pages[0] is not None
        journey.shows(Client(), pages[0])
    assert journey.tree_is_whole()
    count(MESSAGES, len(raws))


def _sources() -> Iterator[bytes]:
    for name, make in MAIL.items():
        if not name.startswith(("header:", "body:")):
            yield make()
    paths: list[Path] = every_file() if CORPORA.is_dir() else []
    for path in paths:
        yield path.read_bytes()


_TOKENS = (
    *(
        b"\x00",
        b"\xff\xfe",
        b"\r",
        b"\n",
        b"\r\n\r\n",
        b"--",
        b"=?",
        b"?=",
        b"=00",
        b"\xed\xa0\x80",
    ),
    *(b"\nContent-Type: multipart/mixed; boundary=b\n\n--b\n", b"\n--b\n", b"\n--b--\n"),
    *(b"\nContent-Type: message/rfc822\n\n", b"charset=utf-7", b"+2AA-", b";", b'"', b"<", b"("),
    *(b"base64", b"quoted-printable", b"x-uuencode", b"\nbegin 644 x\n", b"filename*0*=", b"%00"),
)


def _mutated(chance: random.Random, raw: bytes) -> bytes:
    """Return `raw` with a few pieces cut out, doubled, put in or changed."""
    data = bytearray(raw)
    for _ in range(chance.randint(1, 12)):
        # Headers are where most is read.
        at = chance.randrange(min(len(data), chance.choice((500, 1 << 20))) + 1)
        length = chance.choice((1, 1, 4, 64, 1_024))
        match chance.randrange(4):
            case 0:
                del data[at : at + length]
            case 1:
                data[at:at] = data[at : at + length]
            case 2:
                data[at:at] = chance.choice(_TOKENS)
            case _:
                data[at : at + 1] = chance.randbytes(1)
    return bytes(data)
