"""Bring the catalogues of wagtail_mailarchive/locale up to date with the sources: `make messages`.

It takes GNU gettext. Running it twice changes nothing: entries stand in the order of the files
that they come from, without line numbers, and no line tells when. A translation is never guessed
from a similar sentence; what is new stays empty until somebody translates it, and
tests/test_translations.py names it.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import django
from django.conf import settings
from django.core.management.commands import compilemessages, makemessages

PACKAGE = Path(__file__).resolve().parents[1] / "wagtail_mailarchive"
LANGUAGES = ("en", "de", "fr", "es", "ar")


class MakeMessages(makemessages.Command):
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching"]


def catalogue(language: str) -> Path:
    return PACKAGE / "locale" / language / "LC_MESSAGES" / "django.po"


def main() -> None:
    settings.configure(USE_I18N=True)
    django.setup()
    os.chdir(PACKAGE)
    (PACKAGE / "locale").mkdir(exist_ok=True)
    # English is what the sources say, and nothing else.
    catalogue("en").unlink(missing_ok=True)
    options = {"domain": "django", "extensions": ["html", "txt", "py"], "no_wrap": True}
    django.core.management.call_command(
        MakeMessages(), locale=LANGUAGES, add_location="file", no_obsolete=True, **options
    )
    subprocess.run(  # noqa: S603
        ["msgen", "--no-wrap", "--lang=en", "--output-file", catalogue("en"), catalogue("en")],  # noqa: S607
        check=True,
    )
    for language in LANGUAGES:
        path = catalogue(language)
        text = path.read_text(encoding="utf-8")
        path.write_text(_with_plain_header(text, language), encoding="utf-8")
    django.core.management.call_command(compilemessages.Command(), locale=LANGUAGES)


def _with_plain_header(text: str, language: str) -> str:
    """Return a catalogue whose header holds what programs need, and nothing that ages."""
    _header, entries = text.split("\n\n", 1)
    plural = re.search(r'^"Plural-Forms:.*?\\n"$', _header, re.MULTILINE | re.DOTALL)
    forms = plural[0] if plural else '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"'
    return f"""# Wagtail Mail Archive.
msgid ""
msgstr ""
"Project-Id-Version: wagtail-mailarchive\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
{forms}

{entries}"""


if __name__ == "__main__":
    main()
