"""How many hits there are, and by what they can be narrowed down: year, sender, list, folder."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import compress

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from ..archive.search.question import MOST_COUNTED, Facts
from ..archive.tagging import most_of_texts
from ..models import EmailFolderPage, EmailMessagePage, MessageText
from ..models.message_text import SEQUENCE_BITS

_MOST_VALUES = 8
_SPECIAL = frozenset('" ()')


@dataclass(frozen=True, slots=True)
class Value:
    """One value by which hits can be narrowed down.

    Attributes:
        messages: how many, as shown: "17", or "17+" where not all hits were counted.
    """

    label: str
    messages: str
    address: str


@dataclass(frozen=True, slots=True)
class Facet:
    title: str
    choices: list[Value]


@dataclass(frozen=True, slots=True)
class Counts:
    """What is told of all hits.

    Attributes:
        total: as shown: "17", or "10,000+".
        number: for the plural.
    """

    total: str = "0"
    number: int = 0
    facets: list[Facet] = field(default_factory=list)


def counts(
    facts: Facts,
    zone: tzinfo,
    folders: Sequence[EmailFolderPage],
    address_with: Callable[[str], str],
    folder_address: Callable[[EmailFolderPage], str],
) -> Counts:
    """Return what is shown of `facts`, of which there may be one more than are counted.

    Args:
        folders: where was searched; more than one can be told apart.
        address_with: gives the address of the same search with something more in it.
        folder_address: gives that of the same search in one folder.
    """
    plus = "+" if len(facts) > MOST_COUNTED else ""

    def shown(number: int) -> str:
        counted = number_format(min(number, MOST_COUNTED), force_grouping=True)
        return f"{counted}{plus}"

    found: list[Facet] = []

    def add(title: str, values: list[tuple[str, int, str]]) -> None:
        if len(values) > 1 or (values and values[0][1] < len(facts)):
            kept = [Value(label, shown(number), address) for label, number, address in values]
            found.append(Facet(title, kept))

    add(
        _("Year"),
        [
            (str(year), number, address_with(f"after:{year} before:{year + 1}"))
            for year, number in sorted(_years(facts.ids, zone).items(), reverse=True)
        ],
    )
    if len(folders) > 1:
        by_folder = Counter(facts.folder_ids)
        by_id = {folder.pk: folder for folder in folders}
        add(
            _("Folder"),
            [
                (by_id[key].title, number, folder_address(by_id[key]))
                for key, number in by_folder.most_common(_MOST_VALUES)
                if key in by_id
            ],
        )
    senders = _most(facts.senders)
    names = _names(facts, [sender for sender, _number in senders])
    add(
        _("Sender"),
        [
            (names.get(sender) or sender, number, address_with(f"from:{quoted(sender)}"))
            for sender, number in senders
        ],
    )
    lists = _most(facts.list_ids)
    add(
        _("List"),
        [(name, number, address_with(f"list:{quoted(name)}")) for name, number in lists],
    )
    tagged = most_of_texts(facts.ids, [folder.pk for folder in folders], _MOST_VALUES)
    add(
        _("Tag"),
        [(name, number, address_with(f"tag:{quoted(name)}")) for name, number in tagged],
    )
    if facts.attached:
        values = [(_("With attachment"), facts.attached, address_with("has:attachment"))]
        add(_("Attachment"), values)
    return Counts(shown(len(facts)), min(len(facts), MOST_COUNTED), found)


def _most(values: Sequence[str]) -> list[tuple[str, int]]:
    """Return what stands there most often, and how often; "" is nothing."""
    counted = Counter(values)
    del counted[""]
    return counted.most_common(_MOST_VALUES)


def _years(ids: Sequence[int], zone: tzinfo) -> dict[int, int]:
    """Count by year in `zone`: each year's beginning is looked for among the sorted keys."""
    if not ids:
        return {}
    keys = sorted(ids)
    year = datetime.fromtimestamp(keys[0] >> SEQUENCE_BITS, UTC).astimezone(zone).year
    found: dict[int, int] = {}
    begin = 0
    while begin < len(keys):
        following = int(datetime(year + 1, 1, 1, tzinfo=zone).timestamp()) << SEQUENCE_BITS
        end = bisect_right(keys, following - 1)
        if end > begin:
            found[year] = end - begin
        begin, year = end, year + 1
    return found


def _names(facts: Facts, senders: Sequence[str]) -> dict[str, str]:
    """Return what the senders call themselves, by the newest of their messages found."""
    newest: dict[str, int] = {}
    wanted = set(senders)
    of_wanted = map(wanted.__contains__, facts.senders)
    for key, sender in compress(zip(facts.ids, facts.senders, strict=True), of_wanted):
        newest[sender] = max(key, newest.get(sender, key))
    texts = MessageText.objects.filter(pk__in=newest.values()).values("message")
    messages = EmailMessagePage.objects.filter(pk__in=texts)
    return {
        address.lower(): name
        for address, name in messages.values_list("sender_address", "sender_name")
    }


def quoted(text: str) -> str:
    """Return `text` as it stands behind an operator of search."""
    return f'"{text.replace(chr(34), " ")}"' if _SPECIAL & set(text) else text
