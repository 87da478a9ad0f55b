"""The database of the tests is whole whatever ran before."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command
from wagtail.models import Page

from tests.migrated import _once, fill_again


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_what_migrations_filled_in_comes_back_after_a_test_that_commits() -> None:
    before = list(Page.objects.values_list("pk", "path"))
    call_command("flush", interactive=False, inhibit_post_migrate=True, verbosity=0)
    assert not Page.objects.exists()
    fill_again()
    assert list(Page.objects.values_list("pk", "path")) == before != []


def test_what_one_process_has_made_the_others_take(tmp_path: Path) -> None:
    first = _once(tmp_path, "made", lambda path: path.write_text("first"))
    second = _once(tmp_path, "made", lambda path: path.write_text("second"))
    assert first == second == tmp_path / "made"
    assert second.read_text() == "first"
