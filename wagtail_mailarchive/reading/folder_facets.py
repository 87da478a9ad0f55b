"""By what a folder's messages can be narrowed down, with the numbers of the whole folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from html import escape

from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.dates import MONTHS
from django.utils.formats import localize
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..models import (
    AccountMessage,
    EmailFolderPage,
    FacetCount,
    FacetKind,
    MailAccount,
    MailTag,
    TaggedMessage,
)
from . import sender_list
from .hidden import Hidden, any_of
from .listing import Month

_MOST = 8
_TITLE_LENGTH = 60

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
        return ngettext("message", "messages", self.messages)

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
    return mark_safe(  # noqa: S308 (escaped)
        f'<a href="{escape(choice.address)}"{chosen}>'
        f"<{around}>{escape(choice.label)}</{around}>"
        f' <span class="mailarchive-count">{escape(localize(choice.messages))}'
        f'<span class="mailarchive-unseen"> {escape(choice.noun)}</span></span></a>'
    )


@dataclass(frozen=True, slots=True)
class Facet:
    """Attributes: name: for the markup; more_address: where all values are, "" if here."""

    name: str
    title: str
    choices: Sequence[Choice]
    more_address: str = ""


@dataclass(frozen=True, slots=True)
class Values:
    """What there is to narrow down by: (value, label, messages).

    Attributes:
        accounts: of these alone everything is known; others are no choice.
    """

    senders: Sequence[tuple[str, str, int]] = ()
    lists: Sequence[tuple[str, str, int]] = ()
    attached: int = 0
    tags: Sequence[tuple[str, int]] = ()
    accounts: Sequence[tuple[str, str, int]] = field(default=())


def values_of(folder: EmailFolderPage, request: HttpRequest, hidden: Collection[Hidden]) -> Values:
    """Return what a reader can narrow a folder down by (six queries, and rarely
    two more where it hides)."""
    most = sender_list.most(folder, request, hidden, _MOST)
    names = sender_list.names(most)
    counts = FacetCount.objects.filter(folder=folder, messages__gt=0)
    listless = Counter(each.list_id for each in hidden if each.list_id)
    lists = _most_lists(counts, listless)
    attached, accounts = 0, {}
    both = counts.filter(kind__in=(FacetKind.ATTACHMENT, FacetKind.ACCOUNT))
    for kind, value, number in both.values_list("kind", "value", "messages"):
        if kind == FacetKind.ATTACHMENT:
            attached = number
        else:
            accounts[int(value)] = number
    return Values(
        senders=[
            (each.value, _name(names[each.newest], each.value), each.messages)
            for each in most
            if each.newest in names
        ],
        lists=lists,
        attached=attached - sum(bool(each.has_attachment) for each in hidden),
        tags=_tags(folder, hidden),
        accounts=_accounts(folder, accounts, hidden),
    )


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


def _most_lists(counts: QuerySet[FacetCount], hidden: Counter[str]) -> list[tuple[str, str, int]]:
    # As many more are asked for as might fall behind for what is hidden.
    limit = _MOST + len(hidden)
    rows = counts.filter(kind=FacetKind.LIST).order_by("-messages")[:limit]
    left = [
        (value, number - hidden[value]) for value, number in rows.values_list("value", "messages")
    ]
    left.sort(key=lambda each: (-each[1], each[0]))
    return [(value, value, number) for value, number in left[:_MOST] if number > 0]


def _accounts(
    folder: EmailFolderPage, numbers: dict[int, int], hidden: Collection[Hidden]
) -> list[tuple[str, str, int]]:
    if numbers and hidden:
        texts = [each.text_id for each in hidden if each.text_id is not None]
        lost = AccountMessage.objects.filter(
            folder=folder, account__in=numbers, text__in=any_of(texts)
        ).order_by()
        for account, number in lost.values_list("account").annotate(Count("pk")):
            numbers[account] -= number
    names = MailAccount.objects.filter(pk__in=numbers).order_by("name", "pk")
    return [
        (str(pk), name, numbers[pk])
        for pk, name in names.values_list("pk", "name")
        if numbers[pk] > 0
    ]


def _tags(folder: EmailFolderPage, hidden: Collection[Hidden]) -> list[tuple[str, int]]:
    """Return the tags that most messages have.

    One query; where there are tags two, and another where the folder hides messages.
    """
    counts = FacetCount.objects.filter(folder=folder, kind=FacetKind.TAG, messages__gt=0)
    # As many more are asked for as might fall behind for what is hidden.
    most = counts.order_by("-messages").values_list("value", "messages")[: _MOST + len(hidden)]
    numbers = dict(most)
    if numbers and (texts := [each.text_id for each in hidden if each.text_id is not None]):
        borne = TaggedMessage.objects.filter(content_object__text_entry__in=any_of(texts))
        for mark in borne.values_list("tag__mark", flat=True):
            if mark in numbers:
                numbers[mark] -= 1
    named = MailTag.objects.filter(mark__in=numbers).values_list("mark", "name")
    found = [(name, numbers[mark]) for mark, name in named if numbers[mark] > 0]
    return sorted(found, key=lambda each: (-each[1], each[0]))[:_MOST]


def _name(name: str, address: str) -> str:
    return (name or address)[:_TITLE_LENGTH]
