"""The relations of a message or of something else, as somebody may see them.

Both ends count: nobody learns of a relation here who may not read the message, nor what the other
end is called who may not read that. The number of queries does not depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch
from django.utils.translation import gettext, gettext_noop
from wagtail.models import Collection, CollectionViewRestriction, Page

from ..models import EmailMessagePage, Relation
from ..models.privacy import readable, readable_folders, refused_pages, refused_restrictions
from ..models.relation import MOST, Target, TargetKind, model_of
from .relation_kinds import relation_kind

SHOWN = 50  # of messages that are related to one thing


class State(StrEnum):
    SEEN = "seen"
    HIDDEN = "hidden"  # from this reader
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class End:
    """The other end of a relation.

    Attributes:
        label: what this end does to the other one ("is about").
        title: what to call the other end; a word for what it was where it is gone or hidden.
        address: "" where there is nothing to open.
    """

    relation: Relation
    label: str
    kind: TargetKind
    state: State
    title: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Related:
    """Ends to show; `more` says whether there are others still."""

    ends: list[End]
    more: bool = False


def may_relate(user: Any, message: EmailMessagePage) -> bool:
    """Whether `user` may relate `message` to other things, and take such relations back.

    That is for those who may change or publish pages where the message is.
    """
    policy = message.permissions_for_user(user).permission_policy
    return not message.trashed and bool(
        policy.user_has_any_permission_for_instance(user, {"change", "publish"}, message)
    )


def readable_messages(request: HttpRequest) -> QuerySet[EmailMessagePage]:
    """Return all messages that `request` may read."""
    folders = readable_folders(request)
    return readable(EmailMessagePage.objects.filter(folder__in=folders), request)


def relations_of(message: EmailMessagePage, request: HttpRequest) -> list[End]:
    """Return what `message` is related to, the oldest first, hidden ends among them."""
    relations = list(Relation.objects.filter(message=message).order_by("pk")[:MOST])
    found = _Found(relations, request)
    ends = [found.end(each) for each in relations]
    if any(each.state is State.GONE for each in ends) and may_relate(request.user, message):
        # What is gone has no readers any more, so only who may relate learns what it was called.
        return [_with_former_title(each) for each in ends]
    return ends


def related_messages(instance: Model, request: HttpRequest) -> Related:
    """Return the readable messages that are related to `instance`, the newest relation first."""
    target = Target.of(instance)
    if target is None:
        return Related([])
    relations = Relation.objects.filter(target=str(target))
    # Most things have none, and then nobody's rights have to be looked up.
    if not relations.exists():
        return Related([])
    # As conditions on each relation's own message: a list of all mail would be long.
    seen = relations.filter(
        message__folder__in=readable_folders(request), message__live=True, message__trashed=False
    ).exclude(message__in=refused_pages(request))
    first = list(seen.select_related("message").order_by("-pk")[: SHOWN + 1])
    return Related([_message_end(each, request) for each in first[:SHOWN]], len(first) > SHOWN)


def is_visible(target: Model, request: HttpRequest) -> bool:
    """Whether `request` may see `target`, which is something that messages can be related to."""
    named = Target.of(target)
    if named is None:
        return False
    found = _Found([Relation(target=str(named))], request)
    return found.state(named) is State.SEEN


class _Found:
    """The other ends of some relations, looked up together."""

    def __init__(self, relations: Sequence[Relation], request: HttpRequest) -> None:
        self._request = request
        keys: dict[TargetKind, set[str]] = {}
        for relation in relations:
            target = Target.read(relation.target)
            keys.setdefault(target.kind, set()).add(target.key)
        self._there: dict[TargetKind, Mapping[str, Any]] = {}
        self._seen: dict[TargetKind, set[str]] = {}
        for kind, some in keys.items():
            model = model_of(kind)
            if model is None:
                continue
            there = {str(each.pk): each for each in model._default_manager.filter(pk__in=some)}
            self._there[kind] = there
            self._seen[kind] = self._visible(kind, there)

    def state(self, target: Target) -> State:
        if target.kind is TargetKind.WEB:
            return State.SEEN
        if target.key not in self._there.get(target.kind, {}):
            return State.GONE
        return State.SEEN if target.key in self._seen[target.kind] else State.HIDDEN

    def end(self, relation: Relation) -> End:
        target = Target.read(relation.target)
        state = self.state(target)
        label = str(relation_kind(relation.kind).label)
        if target.kind is TargetKind.WEB:
            address = relation.address
            return End(relation, label, target.kind, state, address, address)
        if state is not State.SEEN:
            words = _GONE if state is State.GONE else _HIDDEN
            return End(relation, label, target.kind, state, gettext(words[target.kind]))
        instance = self._there[target.kind][target.key]
        return End(
            relation,
            label,
            target.kind,
            state,
            _title(instance),
            _address(target.kind, instance, self._request),
        )

    def _visible(self, kind: TargetKind, there: Mapping[str, Any]) -> set[str]:
        match kind:
            case TargetKind.MESSAGE:
                seen = readable_messages(self._request).filter(pk__in=list(there))
                return {str(pk) for pk in seen.values_list("pk", flat=True)}
            case TargetKind.PAGE:
                return _open(there, lambda page: page.path, self._closed_pages(there.values()))
        return self._open_files(there)

    def _closed_pages(self, pages: Iterable[Page]) -> set[str]:
        above = {path for page in pages for path in _with_ancestors(page.path)}
        closed = Q(live=False) | Q(pk__in=refused_restrictions(self._request).values("page_id"))
        return set(Page.objects.filter(closed, path__in=above).values_list("path", flat=True))

    def _open_files(self, there: Mapping[str, Any]) -> set[str]:
        refused = _refused_collections(self._request)
        closed = set(refused.values_list("collection__path", flat=True))
        paths = dict(
            _collections(each.collection_id for each in there.values()).values_list("pk", "path")
        )
        return _open(there, lambda each: paths[each.collection_id], closed)


_GONE = {
    TargetKind.PAGE: gettext_noop("a page that was deleted"),
    TargetKind.MESSAGE: gettext_noop("a message that was erased"),
    TargetKind.DOCUMENT: gettext_noop("a document that was deleted"),
    TargetKind.IMAGE: gettext_noop("an image that was deleted"),
}
_HIDDEN = {
    TargetKind.PAGE: gettext_noop("a page that you cannot read"),
    TargetKind.MESSAGE: gettext_noop("a message that you cannot read"),
    TargetKind.DOCUMENT: gettext_noop("a document that you cannot read"),
    TargetKind.IMAGE: gettext_noop("an image that you cannot see"),
}


def _message_end(relation: Relation, request: HttpRequest) -> End:
    message = relation.message
    label = str(relation_kind(relation.kind).reverse)
    address = message.get_url(request) or ""
    return End(relation, label, TargetKind.MESSAGE, State.SEEN, message.display_subject, address)


def _with_former_title(end: End) -> End:
    title = end.relation.target_title
    if end.state is not State.GONE or not title:
        return end
    words = gettext("“%(title)s”, %(what)s") % {"title": title, "what": end.title}
    return replace(end, title=words)


def _title(instance: Any) -> str:
    if isinstance(instance, EmailMessagePage):
        return instance.display_subject
    return str(instance.title)


def _address(kind: TargetKind, instance: Any, request: HttpRequest) -> str:
    match kind:
        case TargetKind.DOCUMENT:
            # A site may have documents and serve none of them.
            with suppress(NoReverseMatch):
                return str(instance.url)
            return ""
        case TargetKind.IMAGE:
            return str(instance.file.url)
    return instance.get_url(request) or ""


def _open(there: Mapping[str, Any], path_of: Callable[[Any], str], closed: set[str]) -> set[str]:
    """Return the keys of what is not at or below a closed place."""
    # Pages and collections are trees of the same kind.
    return {key for key, each in there.items() if closed.isdisjoint(_with_ancestors(path_of(each)))}


def _with_ancestors(path: str) -> list[str]:
    return [path[:end] for end in range(Page.steplen, len(path) + 1, Page.steplen)]


def _collections(keys: Iterable[int]) -> QuerySet[Collection]:
    found: QuerySet[Collection] = Collection.objects.filter(pk__in=set(keys))
    return found


def _refused_collections(request: HttpRequest) -> QuerySet[CollectionViewRestriction]:
    """Return the restrictions of documents and images that `request` does not pass."""
    kinds = CollectionViewRestriction
    passed = request.session.get(kinds.passed_view_restrictions_session_key, [])
    refused = Q(restriction_type=kinds.PASSWORD) & ~Q(pk__in=passed)
    if not request.user.is_authenticated:
        refused |= Q(restriction_type=kinds.LOGIN)
    if not request.user.is_superuser:
        admitted = kinds.objects.filter(
            restriction_type=kinds.GROUPS, groups__in=request.user.groups.values("pk")
        )
        refused |= Q(restriction_type=kinds.GROUPS) & ~Q(pk__in=admitted.values("pk"))
    restrictions: QuerySet[CollectionViewRestriction] = kinds.objects.filter(refused)
    return restrictions
