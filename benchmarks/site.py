"""What both measure by: a page with nothing on it, readers, and what is kept from them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .filling import Filled, filled, say
from .timing import Measure

_HIDDEN = 10  # messages of a folder, each restricted on its own


@contextmanager
def site(name: str, messages: int, cache: Path) -> Iterator[tuple[Filled, Path]]:
    """Set Django up on a filled database; give what it holds, and a folder to keep things in."""
    import django

    with filled(name, messages, cache) as (database, facts, kept):
        os.environ.update(database.environment())
        django.setup()
        from django.db import connection

        from .held import held

        with held(kept):
            say(f"{name}: measuring")
            try:
                yield facts, kept
            finally:
                connection.close()


def get(client: Any, address: str, **query: str) -> Measure:
    """Return a request for a page that is there."""

    def ask() -> None:
        response = client.get(address, query or None)
        assert response.status_code == 200, (address, query, response.status_code)

    return ask


@contextmanager
def empty_page() -> Iterator[str]:
    """Give the address of a Wagtail page that shows its title and nothing else."""
    from django.template import engines

    from tests import factories

    page = factories.workspace()
    with TemporaryDirectory() as name:
        template = Path(name) / page.template
        template.parent.mkdir(parents=True)
        template.write_text(
            "<!DOCTYPE html><title>{{ page.title }}</title><h1>{{ page.title }}</h1>"
        )
        engines["django"].engine.dirs.append(Path(name))  # type: ignore[attr-defined]
        yield page.get_url()


class Restrictions:
    """What is private, and can be lifted for a moment: a folder, and messages of the others."""

    def __init__(self, facts: Filled) -> None:
        from wagtail.models import PageViewRestriction

        from wagtail_mailarchive.models import EmailMessagePage

        pages = [facts.private]
        for folder in (facts.large, facts.small):
            held = EmailMessagePage.objects.filter(folder=folder).order_by("sorted_at")
            step = held.count() // _HIDDEN
            keys = held.values_list("pk", flat=True)
            pages += [keys[place * step + step // 2] for place in range(_HIDDEN)]
        self._new = partial(PageViewRestriction, restriction_type=PageViewRestriction.GROUPS)
        self._all = PageViewRestriction.objects
        self._pages = pages
        self.restore()

    def lift(self) -> None:
        self._all.filter(page__in=self._pages).delete()

    def restore(self) -> None:
        self._all.filter(page__in=self._pages).delete()
        self._all.bulk_create([self._new(page_id=page) for page in self._pages])
