"""Wagtail's page actions with our refusals before them.

The checks run whatever `skip_permission_checks` says: they are about mail, not about permissions.
An action refuses before it wrote anything, while the models would stop it half-way.

Deleting and unpublishing are those of the registry, for API v3 and its other callers. Copying is
refused by Wagtail's own classes, because code (`page.copy()`), the admin and the app that
translates take them from nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from wagtail.actions import (
    ActionRegistry,
    BaseAction,
    CopyPageAction,
    CopyPageForTranslationAction,
    CreatePageAliasAction,
    DeletePageAction,
    UnpublishPageAction,
)
from wagtail.models import Page

from ..archive.descendants import pass_mail_by
from ..models.keeping import refusal_to_delete
from .refusals import may_explore, refusal_to_copy


def _refuse(action: BaseAction, reason: str) -> None:
    if not reason:
        return
    # The reason names folders: not for those who could not even explore the page.
    if action.user is None or may_explore(action.user, action.instance):
        raise PermissionDenied(reason)
    raise PermissionDenied


class DeleteWithoutMail(DeletePageAction):
    def check(self, skip_permission_checks: bool = False) -> None:
        _refuse(self, refusal_to_delete(self.page))
        super().check(skip_permission_checks)


class UnpublishBesideMail(UnpublishPageAction):
    """Mail is hidden with its folder; what is unpublished one by one is the other pages."""

    def execute(self, skip_permission_checks: bool = False) -> None:
        pass_mail_by(self.object)
        super().execute(skip_permission_checks)


def register(registry: ActionRegistry) -> None:
    for action in (DeleteWithoutMail, UnpublishBesideMail):
        registry.register(Page, action)


def connect() -> None:
    """Have every copy of pages look for mail first, whoever asks for it."""
    _look_first(CopyPageAction, lambda action: action.recursive)
    _look_first(CreatePageAliasAction, lambda action: action.recursive)
    _look_first(CopyPageForTranslationAction, lambda action: action.include_subtree)


def _look_first(copying: type[Any], is_recursive: Callable[[Any], bool]) -> None:
    check_the_rest = copying.check

    def check(action: Any, skip_permission_checks: bool = False) -> None:
        # Of a page that is not saved yet Wagtail says so.
        if not action.page._state.adding:
            _refuse(action, refusal_to_copy(action.page, recursive=is_recursive(action)))
        check_the_rest(action, skip_permission_checks)

    copying.check = check
