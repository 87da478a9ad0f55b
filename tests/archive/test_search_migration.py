"""The search index can be taken away and made again over the mail that is there."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from tests import factories
from wagtail_mailarchive.archive.search import find


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_the_index_made_again_is_of_one_piece_with_new_mail() -> None:
    call_command("migrate", "wagtail_mailarchive", "0001", verbosity=0)
    call_command("migrate", "wagtail_mailarchive", verbosity=0)
    folder = factories.folder()
    factories.archive(folder, factories.raw("Report", "see report.pdf\n"))
    assert len(find(folder.pk, "report pdf", limit=10)) == 1
