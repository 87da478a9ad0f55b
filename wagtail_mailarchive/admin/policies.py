"""Wagtail's questions about mail accounts and their runs, answered by `models.permissions`.

Wagtail's own views ask for the model only, and answer a refusal by a redirect. So every view of
accounts is wrapped in `for_managers`, which asks for the account in its address and answers 403.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from django.db.models import Manager, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from wagtail.permission_policies import BasePermissionPolicy

from ..kept_out import kept_out
from ..models import EmailFolderPage, FetchRun, MailAccount
from ..models.permissions import all_managers, folders_managed_by, managers_of, may_manage_any

View = Callable[..., HttpResponseBase]


class AccountPolicy(BasePermissionPolicy):
    """For models with a `folder`: whoever manages the folder's accounts may do everything."""

    def user_has_permission(self, user: Any, action: str) -> bool:
        return may_manage_any(user)

    def users_with_any_permission(self, actions: Iterable[str]) -> QuerySet[Any]:
        return all_managers()

    def user_has_permission_for_instance(self, user: Any, action: str, instance: Any) -> bool:
        return may_manage(user, instance.folder)

    def instances_user_has_any_permission_for(
        self, user: Any, actions: Iterable[str]
    ) -> QuerySet[Any]:
        objects: Manager[Any] = self.model._default_manager
        return objects.filter(folder__in=folders_managed_by(user))

    def users_with_any_permission_for_instance(
        self, actions: Iterable[str], instance: Any
    ) -> QuerySet[Any]:
        return managers_of(instance.folder)


def may_manage(user: Any, folder: EmailFolderPage) -> bool:
    """Whether `user` may manage the accounts of `folder`."""
    return folder.permissions_for_user(user).can_manage_accounts()


def may_keep_up(user: Any, folder: EmailFolderPage | None) -> bool:
    """Whether `user` may check and read again what is archived: in `folder`, or everywhere."""
    if folder is None:
        return bool(user.is_active and user.is_superuser)
    return may_manage(user, folder)


def asked_number(text: str) -> int | None:
    """Return the id that a query string holds; None where it can be no id of the database's."""
    return int(text) if text.isdecimal() and len(text) < 19 else None


def for_managers(view: View) -> View:
    """Wrap a view of the admin, so that who may not manage accounts is answered 403.

    An address that names an account (`pk` or `account_id`) or a run (`run_id`) is for those who
    manage its folder; any other for those who manage some folder.
    """

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        about: MailAccount | FetchRun | None = None
        if number := kwargs.get("run_id"):
            runs = FetchRun.objects.select_related("folder", "account__created_by")
            about = get_object_or_404(runs, pk=number)
        elif number := kwargs.get("account_id", kwargs.get("pk")):
            accounts = MailAccount.objects.select_related("folder", "created_by")
            about = get_object_or_404(accounts, pk=number)
        user = request.user
        if not (may_manage(user, about.folder) if about else may_manage_any(user)):
            return refused(request, about)
        return view(request, *args, **kwargs)

    return checked


def refused(request: HttpRequest, about: MailAccount | FetchRun | None = None) -> HttpResponseBase:
    """Return the page, status 403, that tells what is missing and whom to ask."""
    account = about.account if isinstance(about, FetchRun) else about
    connected_by = None
    # Names of colleagues are for those who know the folder.
    if account and account.folder.permissions_for_user(request.user).can_edit():
        connected_by = account.created_by
    if connected_by is not None and not connected_by.is_active:
        # Nobody can ask them any more.
        connected_by = None
    return kept_out(
        request,
        heading=_("Mail accounts"),
        icon="mail",
        sentence=_(
            "You may not manage mail accounts here. That takes the permission “Can manage mail "
            "accounts” and the right to publish the email folder."
        ),
        connected_by=connected_by,
    )
