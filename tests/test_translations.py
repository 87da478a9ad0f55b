"""The catalogues hold each sentence of the sources, translated, and nothing that would break one.

`make messages` mends what these tests find, but for the translating.
"""

from __future__ import annotations

import re
from collections import Counter

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from tests import factories
from tests.admin.conftest import browser_of, manager_of
from tests.catalogues import Entry, Key, catalogue, compiled, in_sources, read, templates

LANGUAGES = ["en", "de", "fr", "es", "ar"]
FORMS = {"en": 2, "de": 2, "fr": 2, "es": 3, "ar": 6}
_NAMED = re.compile(r"%\((\w+)\)[sdf]")
_BARE = re.compile(r"%[sdf]")
_BRACED = re.compile(r"\{\w*\}")
_TAG = re.compile(r"</?[a-z][^>]*>")

each_language = pytest.mark.parametrize("language", LANGUAGES)


@pytest.fixture(scope="module")
def sources() -> dict[Key, set[str]]:
    return in_sources()


@each_language
def test_every_sentence_of_the_sources_is_translated_and_no_other(
    language: str, sources: dict[Key, set[str]]
) -> None:
    _header, entries = read(catalogue(language))
    held = {entry.key for entry in entries}
    assert {key: sources[key] for key in sources.keys() - held} == {}, "run `make messages`"
    assert held - sources.keys() == set(), "run `make messages`"
    assert len(held) == len(entries)
    assert [entry.english for entry in entries if not all(entry.forms.values())] == []
    assert [entry.english for entry in entries if entry.is_fuzzy] == []


@each_language
def test_plurals_have_all_their_forms(language: str) -> None:
    header, entries = read(catalogue(language))
    assert f"nplurals={FORMS[language]};" in header
    wrong = [
        entry.english
        for entry in entries
        if sorted(entry.forms) != list(range(FORMS[language] if entry.plural is not None else 1))
    ]
    assert wrong == []


@each_language
def test_placeholders_and_tags_are_those_of_the_source(language: str) -> None:
    _header, entries = read(catalogue(language))
    assert [found for entry in entries for found in _broken(entry)] == []


def _broken(entry: Entry) -> list[tuple[str, str]]:
    """Return (English, translation) of each form that would not be filled in as the source is.

    A form may leave out the number that it is for ("one message"), if it is named: what is left
    out of a form with bare placeholders is an error when it is filled in.
    """
    english = entry.plural if entry.plural is not None else entry.english
    optional = set(_NAMED.findall(english)) - set(_NAMED.findall(entry.english))
    if entry.plural is not None:
        optional |= _numbers(english)
    found = []
    for text in entry.forms.values():
        named, wanted = set(_NAMED.findall(text)), set(_NAMED.findall(english))
        is_right = (
            wanted - optional <= named <= wanted
            and _BARE.findall(text) == _BARE.findall(english)
            and Counter(_BRACED.findall(text)) == Counter(_BRACED.findall(english))
            and Counter(_TAG.findall(text)) == Counter(_TAG.findall(english))
            and (text[:1] == "\n", text[-1:] == "\n") == (english[:1] == "\n", english[-1:] == "\n")
        )
        if not is_right:
            found.append((entry.english, text))
    return found


def _numbers(text: str) -> set[str]:
    return {name for name in _NAMED.findall(text) if f"%({name})d" in text or name in _COUNTERS}


# What templates call the number that decides the form.
_COUNTERS = {"number", "counter", "count", "told", "days", "counted"}


@each_language
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    _header, entries = read(catalogue(language))
    held = compiled(catalogue(language))
    held.pop("")
    written = {}
    for entry in entries:
        english = f"{entry.context}\4{entry.english}" if entry.context else entry.english
        for number, text in entry.forms.items():
            written[f"{english}\0{number}" if entry.plural is not None else english] = text
    assert held == written, "run `make messages`"


def test_no_text_of_a_template_stands_outside_of_translation() -> None:
    left = {path.name: found for path in templates() if (found := _untranslated(path.read_text()))}
    # Names of formats, which are the same everywhere.
    assert left == {"message_inspection.html": ["message/rfc822"]}


def _untranslated(text: str) -> list[str]:
    for pattern in (
        r"{%\s*comment.*?endcomment\s*%}",
        r"{%\s*(blocktrans(?:late)?)\b.*?{%\s*end\1\s*%}",
        r"<(style|script|code|pre)\b.*?</\1>",
        r"{#.*?#}|{%.*?%}|{{.*?}}",
    ):
        text = re.sub(pattern, " ", text, flags=re.DOTALL)
    spoken = re.findall(r'\b(?:title|alt|placeholder|aria-label)="([^"]*)"', text)
    plain = re.sub(r"<[^>]*>", "\n", text)
    found = [line.strip() for line in [*spoken, *plain.splitlines()]]
    return [line for line in found if re.search(r"[A-Za-z]{3}", line) and "=" not in line]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "reader", "editor"),
    [
        ("de", "Suchen", "E-Mail-Konten"),
        ("fr", "Rechercher", "Comptes de messagerie"),
        ("es", "Buscar", "Cuentas de correo"),
        ("ar", "بحث", "حسابات البريد"),
    ],
)
def test_readers_and_editors_are_spoken_to_in_their_language(
    language: str, reader: str, editor: str
) -> None:
    folder = factories.folder()
    factories.archive(folder, factories.raw())
    wanted = {"accept-language": language}
    form = reverse("wagtailadmin_pages:edit", args=[folder.pk])
    # Requests leave their language behind.
    with translation.override("en"):
        page = Client().get(folder.url, headers=wanted).content.decode()
        edited = browser_of(manager_of(folder)).get(form, headers=wanted).content.decode()
    assert f'<html lang="{language}"' in page
    assert (' dir="rtl"' in page) == (language == "ar")
    assert reader in page
    assert editor in edited
