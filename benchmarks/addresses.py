"""Which pages are asked for: others for each request, drawn in the same way in each run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle, islice
from random import Random
from typing import Any
from urllib.parse import urlencode

_FIRST = 4  # one list in so many is asked for from its beginning


class Addresses:
    """Draws the addresses of one folder's pages.

    Args:
        number: how many of each kind.
    """

    def __init__(self, folder_id: int, number: int) -> None:
        from wagtail_mailarchive.models import EmailFolderPage, EmailMessagePage

        self._folder = EmailFolderPage.objects.get(pk=folder_id)
        self._address = self._folder.get_url()
        self._messages = EmailMessagePage.objects.filter(folder=folder_id)
        self._number = number
        self._random = Random(20261121)

    def messages(self) -> list[str]:
        """Return the pages of messages that are not private."""
        public = self._messages.filter(view_restrictions=None).order_by("sorted_at")
        slugs = self._some(list(public.values_list("slug", flat=True)))
        return [f"{self._address}{slug}/" for slug in slugs]

    def threads_of(self, size: int) -> list[str]:
        """Return the pages of threads of so many messages."""
        threads = self._threads().filter(message_count=size)
        keys = list(threads.order_by("pk").values_list("pk", flat=True))
        return self._some([f"{self._address}thread/{key}/" for key in keys])

    def long_thread(self) -> list[str]:
        """Return pages of the longest thread, wherever they begin."""
        from wagtail_mailarchive.reading.thread_messages import cursor_of

        longest = self._threads().order_by("-message_count").first()
        held = self._messages.filter(thread=longest).order_by("sorted_at")
        address = f"{self._address}thread/{longest.pk}/"
        found = [f"{address}?after={cursor_of(each)}" for each in self._some(list(held)[:-60])]
        return [address, f"{address}?last", *found[2:]]

    def folder_views(self) -> dict[str, list[str]]:
        """Return the folder's lists: whole, narrowed down, and of attachments."""
        return {
            "threads": self._lists({}, self._thread_places()),
            "messages": self._lists({"view": "date"}, self._text_places()),
            "senders": self._lists({"view": "sender"}, self._sender_places()),
            "threads, narrowed": self._narrowed({}),
            "messages, narrowed": self._narrowed({"view": "date"}),
            "attachments, gallery": self._attachments({}),
            "attachments, list": self._attachments({"view": "list"}),
        }

    def _threads(self) -> Any:
        return self._folder.threads.filter(message_count__gt=0)

    def _some(self, every: list[Any]) -> list[Any]:
        """Return as many as are asked for, without order; all of them if there are not enough."""
        self._random.shuffle(every)
        return list(islice(cycle(every), self._number)) if every else []

    def _lists(self, query: dict[str, str], places: list[Any]) -> list[str]:
        found = []
        for number, place in enumerate(self._some(places)):
            where = {} if number % _FIRST == 0 else {"before": str(place)}
            found.append(self._with(self._address, query | where))
        return found

    def _thread_places(self) -> list[Any]:
        from wagtail_mailarchive.reading.listing import Cursor

        return [
            Cursor(at, pk) for at, pk in self._threads().order_by("pk").values_list("last_at", "pk")
        ]

    def _text_places(self) -> list[Any]:
        from wagtail_mailarchive.models import MessageText

        texts = MessageText.objects.filter(folder=self._folder).order_by("pk")
        return list(texts.values_list("pk", flat=True))

    def _sender_places(self) -> list[Any]:
        from wagtail_mailarchive.models import FacetCount, FacetKind

        senders = FacetCount.objects.filter(folder=self._folder, kind=FacetKind.SENDER)
        return list(senders.order_by("value").values_list("newest", flat=True))

    def _narrowed(self, query: dict[str, str]) -> list[str]:
        """Narrow down by month, year, sender, list and attachment, one after the other."""
        choices: Iterator[Callable[[], dict[str, str]]] = cycle(
            (
                lambda: {"month": self._month()},
                lambda: {"year": self._month()[:4]},
                lambda: {"from": self._sender()},
                lambda: {"list": f"list{self._random.randrange(5)}.lists.example.org"},
                lambda: {"has": "attachment"},
            )
        )
        places = self._some(self._text_places())
        found = []
        for number, (place, choose) in enumerate(zip(places, choices, strict=False)):
            chosen = choose()
            is_first = "month" in chosen or number % _FIRST == 0
            where = {} if is_first else {"before": str(place)}
            found.append(self._with(self._address, query | chosen | where))
        return found

    def _attachments(self, query: dict[str, str]) -> list[str]:
        from wagtail_mailarchive.models import Attachment
        from wagtail_mailarchive.reading.listing import Cursor

        attached = Attachment.objects.filter(folder=self._folder).order_by("pk")
        places = self._some([Cursor(*each) for each in attached.values_list("sorted_at", "pk")])
        choices: Iterator[Callable[[], dict[str, str]]] = cycle(
            (dict, lambda: {"kind": "pdf"}, lambda: {"from": self._sender()}, self._in_month)
        )
        address = f"{self._address}attachments/"
        found = []
        for number, (place, choose) in enumerate(zip(places, choices, strict=False)):
            chosen = choose()
            is_first = "month" in chosen or number % _FIRST == 0
            where = {} if is_first else {"before": str(place)}
            found.append(self._with(address, query | chosen | where))
        return found

    def _in_month(self) -> dict[str, str]:
        return {"month": self._month()}

    def _month(self) -> str:
        return str(self._draw("sorted_at"))[:7]

    def _sender(self) -> str:
        return str(self._draw("sender_address")).lower()

    def _draw(self, column: str) -> Any:
        """Return a column of one message, so that senders come as often as they write."""
        if column not in self.__dict__:
            rows = self._messages.order_by("sorted_at").values_list(column, flat=True)
            self.__dict__[column] = list(rows)
        return self._random.choice(self.__dict__[column])

    def _with(self, address: str, query: dict[str, str]) -> str:
        return f"{address}?{urlencode(query)}" if query else address
