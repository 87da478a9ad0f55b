"""Who may do what with folders and messages, for every route that asks Wagtail.

Views, bulk actions, actions and API v3 all go through these testers, superusers included.
"""

from __future__ import annotations

from wagtail.models import Page, PagePermissionTester


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
        return bool(self.can_publish())


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
