"""Why a page that holds mail is not copied, in one sentence that names the folder.

Wagtail's own permission testers know nothing of mail below an ancestor, and that no message is ever
copied would reach the user as an error page.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext
from wagtail.models import Page
from wagtail.permissions import policy_registry

from ..models import EmailMessagePage
from ..models.folder import folders_with_mail

ANY_PERMISSION = frozenset({"add", "change", "publish", "bulk_delete", "lock", "unlock"})


def may_explore(user: Any, page: Page) -> bool:
    """Whether `user` holds any permission on `page`, and so sees its title in the explorer."""
    policy = policy_registry.get(page)
    return bool(policy.user_has_any_permission_for_instance(user, ANY_PERMISSION, page))


def refusal_to_copy(page: Page, *, recursive: bool) -> str:
    """Return why `page` cannot be copied, aliased or translated; "" if nothing is against it."""
    if issubclass(page.specific_class or Page, EmailMessagePage):
        return gettext("Archived mail is never copied.")
    if not recursive:
        return ""
    return _sentence(
        page,
        gettext("“%(page)s” holds mail, and archived mail is never copied."),
        gettext(
            "“%(page)s” holds the email folder “%(folder)s”, and archived mail is never copied. "
            "Copy it without its subpages."
        ),
    )


def _sentence(page: Page, of_itself: str, of_a_folder_below: str) -> str:
    folder = folders_with_mail(page).order_by("path").first()
    if folder is None:
        return ""
    title = page.specific_deferred.get_admin_display_title()
    if folder.pk == page.pk:
        return of_itself % {"page": title}
    return of_a_folder_below % {"page": title, "folder": folder.get_admin_display_title()}
