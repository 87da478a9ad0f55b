"""Who may do what with folders, their accounts and messages, for every route that asks.

Views, bulk actions, actions and API v3 all go through these testers, superusers included. Mail
accounts are managed by those who may publish the folder's page and hold the permission MANAGE:
`FolderPermissionTester.can_manage_accounts` says so for one folder, the functions below say the
same for all folders and for all users.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet
from wagtail.models import GroupPagePermission, Page, PagePermissionTester
from wagtail.permission_policies.pages import PagePermissionPolicy

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from .account import MailAccount
    from .folder import EmailFolderPage

MANAGE = "wagtail_mailarchive.manage_mailaccount"
TRASH = "wagtail_mailarchive.trash_mail"


class FolderPermissionTester(PagePermissionTester):
    """A folder is never copied, and not deleted while it holds mail or accounts."""

    def can_copy(self) -> bool:
        return False

    def can_delete(self, ignore_bulk: bool = False) -> bool:
        return bool(super().can_delete(ignore_bulk)) and not self.page.specific.holds_mail()

    def can_move(self) -> bool:
        # Wagtail's answer is can_delete's, but moving keeps all mail.
        return bool(super().can_delete(ignore_bulk=True))

    def can_reorder_children(self) -> bool:
        # Mail has an order of its own, and Wagtail's drag and drop loads every child.
        return False

    def can_fetch(self) -> bool:
        """Whether the user may fetch new mail into this folder by hand."""
        return bool(self.can_publish()) and not self._is_in_trash()

    def can_arrange_threads(self) -> bool:
        """Whether the user may merge and split threads of this folder."""
        return bool(self.can_publish())

    def can_trash(self) -> bool:
        """Whether the user may move mail of this folder to the trash, the folder too, and back."""
        return bool(self.can_publish()) and bool(self.user.has_perm(TRASH))

    def can_erase(self) -> bool:
        """Whether the user may erase what is in this folder's trash, for good."""
        return self.can_manage_accounts()

    def can_moderate_comments(self) -> bool:
        """Whether the user may let comments in this folder be shown, reject and delete them."""
        return bool(self.can_publish())

    def _is_in_trash(self) -> bool:
        from .trash import TrashedFolder

        # Of a published folder it is known without asking.
        page = self.page
        return not page.live and TrashedFolder.objects.filter(folder_id=page.pk).exists()

    def can_manage_accounts(self) -> bool:
        """Whether the user may connect, change, try and remove this folder's mail accounts."""
        return bool(self.can_publish()) and bool(self.user.has_perm(MANAGE))


class MessagePermissionTester(PagePermissionTester):
    """A message is read-only for everyone, but who may read it can be restricted further."""

    def can_edit(self) -> bool:
        return False

    def can_copy(self) -> bool:
        return False

    def can_lock(self) -> bool:
        return False

    def can_unlock(self) -> bool:
        return False

    def can_submit_for_moderation(self) -> bool:
        return False

    def can_move(self) -> bool:
        return False

    def can_move_to(self, destination: Page) -> bool:
        return False

    def can_delete(self, ignore_bulk: bool = False) -> bool:
        return False

    def can_publish(self) -> bool:
        # Publishing makes a revision first, and mail has none.
        return False

    def can_unpublish(self) -> bool:
        # The folder hides all its mail at once when it is unpublished.
        return False

    def can_view_revisions(self) -> bool:
        return False

    def can_reorder_children(self) -> bool:
        return False

    def can_set_view_restrictions(self) -> bool:
        # Wagtail asks `can_publish`, which is no here for another reason.
        return bool(super().can_publish())


def manage_permission() -> QuerySet[Permission]:
    """Return the permission MANAGE, as the form of a group offers it."""
    return _permission(MANAGE)


def trash_permission() -> QuerySet[Permission]:
    """Return the permission TRASH, as the form of a group offers it."""
    return _permission(TRASH)


def groups_reading_in_admin(folder: EmailFolderPage) -> QuerySet[Group]:
    """Return the groups that read mail of `folder` in the admin: who may edit or publish there."""
    granted = GroupPagePermission.objects.filter(
        page__in=folder.get_ancestors(inclusive=True),
        permission__codename__in=["change_page", "publish_page"],
    )
    return Group.objects.filter(pk__in=granted.values("group"))


def may_manage_any(user: Any) -> bool:
    """Whether `user` may manage the accounts of some folder, if there is one where they publish."""
    return bool(user.has_perm(MANAGE)) and bool(_folders().user_has_permission(user, "publish"))


def folders_managed_by(user: Any) -> QuerySet[EmailFolderPage]:
    """Return the folders whose accounts `user` may manage; one query beside cached permissions."""
    from .folder import EmailFolderPage

    if not user.has_perm(MANAGE):
        none: QuerySet[EmailFolderPage] = EmailFolderPage.objects.none()
        return none
    found: QuerySet[EmailFolderPage] = _folders().instances_user_has_permission_for(user, "publish")
    return found


def accounts_managed_by(user: Any) -> QuerySet[MailAccount]:
    """Return the accounts that `user` may manage."""
    from .account import MailAccount

    return MailAccount.objects.filter(folder__in=folders_managed_by(user))


def managers_of(folder: EmailFolderPage) -> QuerySet[User]:
    """Return the active users who may manage the accounts of `folder`, superusers among them."""
    publishers = _folders().users_with_permission_for_instance("publish", folder)
    return _who_hold_manage(publishers)


def all_managers() -> QuerySet[User]:
    """Return the active users who may manage the accounts of some folder."""
    return _who_hold_manage(_folders().users_with_permission("publish"))


def may_moderate_any(user: Any) -> bool:
    """Whether `user` may moderate the comments of some folder, if there is one."""
    return bool(_folders().user_has_permission(user, "publish"))


def folders_moderated_by(user: Any) -> QuerySet[EmailFolderPage]:
    """Return the folders whose comments `user` may moderate."""
    found: QuerySet[EmailFolderPage] = _folders().instances_user_has_permission_for(user, "publish")
    return found


def moderators_of(folder: EmailFolderPage) -> QuerySet[User]:
    """Return the active users who may moderate the comments of `folder`."""
    found: QuerySet[User] = _folders().users_with_permission_for_instance("publish", folder)
    return found


def _permission(name: str) -> QuerySet[Permission]:
    app_label, codename = name.split(".")
    return Permission.objects.filter(content_type__app_label=app_label, codename=codename)


def _who_hold_manage(users: QuerySet[User]) -> QuerySet[User]:
    # A second filter: the group that publishes need not be the one that holds the permission.
    held = manage_permission()
    given = Q(is_superuser=True) | Q(user_permissions__in=held) | Q(groups__permissions__in=held)
    return users.filter(given).distinct()


def _folders() -> PagePermissionPolicy:
    from .folder import EmailFolderPage

    return PagePermissionPolicy(EmailFolderPage)
