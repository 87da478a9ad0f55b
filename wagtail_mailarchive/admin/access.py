"""Who may read, comment on, manage and trash the mail of a folder, and why.

It is told in groups, as Wagtail grants it, and so costs the same however many people there are:
the privacy of the folder and of pages above it, permissions of groups on them, and the archive's
own permissions. What is granted here is what `models.permissions` and Wagtail's privacy answer;
tests hold them together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db.models import Count, Q
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from wagtail.models import GroupPagePermission, Page, PageViewRestriction

from ..models import EmailFolderPage
from ..models.comment import Commenters, Moderation
from ..models.permissions import manage_permission, trash_permission
from .refusals import may_explore


@dataclass(frozen=True, slots=True)
class Grant:
    """One answer.

    Attributes:
        who: a group's name, or a phrase that tells who.
        why: one sentence.
    """

    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Ability:
    """What can be done, and who can.

    Attributes:
        grants: any of them is enough, unless `all_of`: then it takes all of them.
        beside: sentences that stand below.
    """

    what: str
    grants: list[Grant]
    all_of: bool = False
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """Who holds one of the archive's own permissions.

    Attributes:
        name: as the form of a group shows it.
        people: how many hold it by themselves, and not through a group.
    """

    name: str
    groups: frozenset[int]
    people: int


class Access:
    """The access to a folder as it is published, told to `viewer`, in at most 16 queries."""

    def __init__(self, folder: EmailFolderPage, viewer: Any) -> None:
        # A draft of the folder's settings changes nothing yet.
        self.folder = EmailFolderPage.objects.select_related("owner").get(pk=folder.pk)
        self.viewer = viewer
        self.pages = list(self.folder.get_ancestors(inclusive=True).order_by("depth"))
        self.restrictions = list(
            PageViewRestriction.objects.filter(page__in=self.pages)
            .order_by("page__depth", "pk")
            .prefetch_related("groups")
        )
        self.groups: dict[int, str] = {}
        self.granted = self._page_permissions()

    def abilities(self) -> list[Ability]:
        """Return all that the panel tells, in its order."""
        trash, manage = _holders(trash_permission()), _holders(manage_permission())
        self.groups |= dict(
            Group.objects.filter(pk__in=trash.groups | manage.groups).values_list("pk", "name")
        )
        return [
            self._reading(),
            Ability(_("Read it in the admin"), self._in_admin()),
            self._commenting(),
            Ability(_("Change the folder’s settings"), self._editing()),
            Ability(
                _("Publish it, fetch new mail, arrange threads, moderate comments"),
                self._by_page("publish_page"),
            ),
            Ability(_("Move mail to the trash and restore it"), self._publishing_with(trash)),
            Ability(_("Manage its mail accounts, erase mail"), self._publishing_with(manage)),
        ]

    def is_behind_password(self) -> bool:
        """Whether somebody reads only after a password, which superusers are asked for, too."""
        return any(
            each.restriction_type == PageViewRestriction.PASSWORD for each in self.restrictions
        )

    # -- reading ------------------------------------------------------------------------------

    def _reading(self) -> Ability:
        what = _("Read it on the site")
        if hidden := next((page for page in self.pages[1:] if not page.live), None):
            return Ability(what, [Grant(_("Nobody"), self._not_published(hidden))])
        grants = [self._restricted(each) for each in self.restrictions]
        beside = self._restricted_messages()
        if not grants:
            everybody = Grant(_("Everybody, signed in or not"), _("Nothing restricts it."))
            return Ability(what, [everybody], beside=beside)
        return Ability(what, grants, all_of=len(grants) > 1, beside=beside)

    def _restricted(self, restriction: PageViewRestriction) -> Grant:
        page = next(each for each in self.pages if each.pk == restriction.page_id)
        if page.pk == self.folder.pk:
            why = _("Privacy of this folder.")
        elif may_explore(self.viewer, page):
            why = _("Privacy of “%(page)s”, a page above.") % {"page": _title(page)}
        else:
            why = _("Privacy of a page above.")
        if restriction.restriction_type == PageViewRestriction.PASSWORD:
            return Grant(_("Everybody who knows the password"), why)
        if restriction.restriction_type == PageViewRestriction.LOGIN:
            return Grant(_("Everybody who is signed in"), why)
        names = sorted(group.name for group in restriction.groups.all())
        if not names:
            return Grant(_("Nobody but superusers: no group is chosen"), why)
        return Grant(_listed(names), why)

    def _not_published(self, page: Page) -> str:
        if page.pk == self.folder.pk:
            return _("This folder is not published.")
        if may_explore(self.viewer, page):
            return _("“%(page)s”, a page above, is not published.") % {"page": _title(page)}
        return _("A page above is not published.")

    def _restricted_messages(self) -> tuple[str, ...]:
        below = PageViewRestriction.objects.filter(
            page__path__startswith=self.folder.path, page__depth__gt=self.folder.depth
        )
        number = below.order_by().values("page").distinct().count()
        if not number:
            return ()
        told = ngettext(
            "%(number)d message is restricted further, under Privacy of its own.",
            "%(number)d messages are restricted further, under Privacy of their own.",
            number,
        )
        return (told % {"number": number},)

    # -- commenting ---------------------------------------------------------------------------

    def _commenting(self) -> Ability:
        return Ability(_("Comment on it"), list(self._commenters()))

    def _commenters(self) -> Iterator[Grant]:
        if self.folder.effective_moderation == Moderation.CLOSED:
            yield Grant(_("Nobody"), _decided(self.folder.comment_moderation))
            return
        commenters = self.folder.effective_commenters
        why = _decided(self.folder.commenters)
        if commenters == Commenters.ANYONE:
            yield Grant(_("Everybody who can read the message"), why)
        elif commenters == Commenters.LOGIN:
            yield Grant(_("Everybody who can read the message and is signed in"), why)
        else:
            names = sorted(group.name for group in self.folder.commenter_groups.all())
            if not names:
                yield Grant(_("Nobody but superusers: no group is chosen"), why)
            for name in names:
                yield Grant(name, _("If they can read the message. %(why)s") % {"why": why})

    # -- managing -----------------------------------------------------------------------------

    def _page_permissions(self) -> dict[str, dict[int, Page]]:
        """Return permission -> group -> the uppermost page where it is granted."""
        found: dict[str, dict[int, Page]] = defaultdict(dict)
        pages = {page.pk: page for page in self.pages}
        rows = (
            GroupPagePermission.objects.filter(
                page__in=self.pages,
                permission__codename__in=["add_page", "change_page", "publish_page"],
            )
            .order_by("page__depth", "group__name")
            .values_list("permission__codename", "group", "group__name", "page")
        )
        for codename, group, name, page in rows:
            self.groups[group] = name
            found[codename].setdefault(group, pages[page])
        return found

    def _by_page(self, codename: str) -> list[Grant]:
        granted = self.granted[codename]
        return [Grant(self.groups[each], self._why(codename, granted[each])) for each in granted]

    def _in_admin(self) -> list[Grant]:
        # Who both edits and publishes is told of once.
        editing, publishing = self.granted["change_page"], self.granted["publish_page"]
        more = [
            Grant(self.groups[each], self._why("publish_page", publishing[each]))
            for each in publishing
            if each not in editing
        ]
        return [*self._by_page("change_page"), *more]

    def _editing(self) -> list[Grant]:
        grants = self._by_page("change_page")
        owner, adding = self.folder.owner, self.granted["add_page"]
        may_own = owner is not None and owner.is_active and bool(adding)
        if may_own and owner.groups.filter(pk__in=adding).exists():
            grants.append(Grant(str(owner), _("Made this folder, and may add pages here.")))
        return grants

    def _publishing_with(self, held: Held) -> list[Grant]:
        """Return who may publish here and holds a permission, from the same group or from two."""
        publishing = self.granted["publish_page"]
        holds = _("Holds the permission “%(permission)s”.") % {"permission": held.name}
        grants = [
            Grant(self.groups[each], f"{self._why('publish_page', publishing[each])} {holds}")
            for each in publishing
            if each in held.groups
        ]
        alone = self._names(each for each in publishing if each not in held.groups)
        others = self._names(each for each in held.groups if each not in publishing)
        if alone and others:
            who = _("Whoever is in two groups: in %(publishing)s, and in %(holding)s")
            why = _("The one may publish here; the other holds the permission “%(permission)s”.")
            grants.append(
                Grant(
                    who % {"publishing": _listed(alone), "holding": _listed(others)},
                    why % {"permission": held.name},
                )
            )
        if held.people and publishing:
            who = ngettext(
                "%(number)d person, if in one of the groups that may publish here",
                "%(number)d people, if in one of the groups that may publish here",
                held.people,
            )
            grants.append(
                Grant(
                    who % {"number": held.people},
                    _("Given the permission “%(permission)s” by name.") % {"permission": held.name},
                )
            )
        return grants

    def _names(self, groups: Iterable[int]) -> list[str]:
        return sorted(self.groups[each] for each in groups)

    def _why(self, codename: str, page: Page) -> str:
        publishes = codename == "publish_page"
        if page.pk == self.folder.pk:
            return _("May publish this folder.") if publishes else _("May edit this folder.")
        if not may_explore(self.viewer, page):
            if publishes:
                return _("May publish a section that holds this folder.")
            return _("May edit a section that holds this folder.")
        told = (
            _("May publish “%(page)s” and all below it.")
            if publishes
            else _("May edit “%(page)s” and all below it.")
        )
        return told % {"page": _title(page)}


def _holders(permissions: Any) -> Held:
    permission: Permission = permissions.get()
    users = get_user_model()._default_manager
    own = Q(user_permissions=permission, is_active=True, is_superuser=False)
    return Held(
        name=permission.name,
        groups=frozenset(permission.group_set.values_list("pk", flat=True)),
        people=users.filter(own).aggregate(number=Count("pk"))["number"],
    )


def _decided(by_folder: str) -> str:
    return (
        _("This folder’s settings say so.") if by_folder else _("The settings of the site say so.")
    )


def _title(page: Page) -> str:
    return str(page.get_admin_display_title())


def _listed(names: list[str]) -> str:
    return str(get_text_list(names, _("or")))
