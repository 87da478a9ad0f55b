"""Wagtail's page actions with our refusals before them; API v3 and other callers of the registry.

The checks run whatever `skip_permission_checks` says: they are about mail, not about permissions.
An action refuses before it wrote anything, while the models would stop it half-way.
"""

from __future__ import annotations

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


class CopyWithoutMail(CopyPageAction):
    def check(self, skip_permission_checks: bool = False) -> None:
        _refuse(self, refusal_to_copy(self.page, recursive=self.recursive))
        super().check(skip_permission_checks)


class AliasWithoutMail(CreatePageAliasAction):
    def check(self, skip_permission_checks: bool = False) -> None:
        _refuse(self, refusal_to_copy(self.page, recursive=self.recursive))
        super().check(skip_permission_checks)


class TranslateWithoutMail(CopyPageForTranslationAction):
    def check(self, skip_permission_checks: bool = False) -> None:
        _refuse(self, refusal_to_copy(self.page, recursive=self.include_subtree))
        super().check(skip_permission_checks)


class UnpublishBesideMail(UnpublishPageAction):
    """Mail is hidden with its folder; what is unpublished one by one is the other pages."""

    def execute(self, skip_permission_checks: bool = False) -> None:
        pass_mail_by(self.object)
        super().execute(skip_permission_checks)


def register(registry: ActionRegistry) -> None:
    refusing = (DeleteWithoutMail, CopyWithoutMail, AliasWithoutMail, TranslateWithoutMail)
    for action in (*refusing, UnpublishBesideMail):
        registry.register(Page, action)
