"""The facets beside a folder's list: links that narrow it down, with the numbers of the whole
folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from django.utils.dates import MONTHS
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from . import message_numbers
from .facet_values import Values
from .listing import Month

Address = Callable[[dict[str, str]], str]


@dataclass(frozen=True, slots=True)
class Choice:
    """One value by which messages can be narrowed down; `inner` are those within it."""

    label: str
    messages: int
    address: str
    is_chosen: bool = False
    inner: Sequence[Choice] = ()

    @property
    def noun(self) -> str:
        """What its number counts."""
        return message_numbers.shown(self.messages)[1]

    @property
    def markup(self) -> SafeString:
        return choice_markup(self, "bdi")

    @property
    def inner_markup(self) -> SafeString:
        """The choices within this one; words of ours, which need no `<bdi>`."""
        items = (f"<li>{choice_markup(each, 'span')}</li>" for each in self.inner)
        return mark_safe("".join(items))  # noqa: S308 (escaped)


def choice_markup(choice: Choice, around: str) -> SafeString:
    """Return the link of a choice: there are dozens, and the template language takes several times
    as long for each.

    Args:
        around: the element that the label stands in.
    """
    chosen = ' aria-current="true"' if choice.is_chosen else ""
    number, noun = message_numbers.shown(choice.messages)
    return mark_safe(  # noqa: S308 (escaped)
        f'<a href="{escape(choice.address)}"{chosen}>'
        f"<{around}>{escape(choice.label)}</{around}>"
        f' <span class="mailarchive-count">{escape(number)}'
        f'<span class="mailarchive-unseen"> {escape(noun)}</span></span></a>'
    )


@dataclass(frozen=True, slots=True)
class Facet:
    """Attributes: name: for the markup; more_address: where all values are, "" if here."""

    name: str
    title: str
    choices: Sequence[Choice]
    more_address: str = ""


def facets(
    values: Values,
    months: Sequence[Month],
    period: dict[str, str],
    chosen: dict[str, str],
    address_with: Address,
    senders_address: str,
) -> list[Facet]:
    """Return what is shown beside a list; a facet that leaves no choice is none.

    Args:
        period, chosen: what the list is narrowed down by already.
        address_with: gives the address of the list with these in place of the like.
    """

    def choices(name: str, found: Sequence[tuple[str, str, int]]) -> list[Choice]:
        return [
            Choice(label, number, address_with({name: value}), chosen.get(name) == value)
            for value, label, number in found
        ]

    found = [
        Facet("year", _("Year"), _years(months, period, address_with)),
        Facet("sender", _("Sender"), choices("from", values.senders), senders_address),
        Facet("list", _("List"), choices("list", values.lists)),
    ]
    if len(values.accounts) > 1:
        found.append(Facet("account", _("Account"), choices("account", values.accounts)))
    if values.tags:
        found.append(
            Facet(
                "tag",
                _("Tag"),
                [
                    # Search knows the rest.
                    Choice(name, number, address_with({"q": f'tag:"{name}"'}))
                    for name, number in values.tags
                ],
            )
        )
    if values.attached > 0:
        only = [("attachment", _("With attachment"), values.attached)]
        found.append(Facet("attachment", _("Attachment"), choices("has", only)))
    return [facet for facet in found if facet.choices]


def _years(months: Sequence[Month], period: dict[str, str], address_with: Address) -> list[Choice]:
    numbers: Counter[int] = Counter()
    for month in months:
        numbers[month.year] += month.messages
    opened = (period.get("year") or period.get("month", ""))[:4]
    return [
        Choice(
            f"{year}",
            number,
            address_with({"year": f"{year:04}"}),
            period.get("year") == f"{year:04}",
            [
                Choice(
                    str(MONTHS[month.month]),
                    month.messages,
                    address_with({"month": month.key}),
                    period.get("month") == month.key,
                )
                for month in months
                if month.year == year
            ]
            if opened == f"{year:04}"
            else (),
        )
        for year, number in numbers.items()
    ]
