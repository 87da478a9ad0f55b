"""Wagtail's page actions with our refusals before them; API v3 and other callers of the registry.

The checks run whatever `skip_permission_checks` says: they are about mail, not about permissions.
An action refuses before it wrote anything, while the models would stop it half-way.
"""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from wagtail.actions import (
    ActionRegistry,
    CopyPageAction,
    CopyPageForTranslationAction,
    CreatePageAliasAction,
    DeletePageAction,
)
from wagtail.models import Page

from .refusals import refusal_to_copy, refusal_to_delete


def _refuse(reason: str) -> None:
    if reason:
        raise PermissionDenied(reason)


class DeleteWithoutMail(DeletePageAction):
    def check(self, skip_permission_checks: bool = False) -> None:
        _refuse(refusal_to_delete(self.page))
        super().check(skip_permission_checks)


class CopyWithoutMail(CopyPageAction):
    def check(self, skip_permission_checks: bool = False) -> None:
        _refuse(refusal_to_copy(self.page, recursive=self.recursive))
        super().check(skip_permission_checks)


class AliasWithoutMail(CreatePageAliasAction):
    def check(self, skip_permission_checks: bool = False) -> None:
        _refuse(refusal_to_copy(self.page, recursive=self.recursive))
        super().check(skip_permission_checks)


class TranslateWithoutMail(CopyPageForTranslationAction):
    def check(self, skip_permission_checks: bool = False) -> None:
        _refuse(refusal_to_copy(self.page, recursive=self.include_subtree))
        super().check(skip_permission_checks)


def register(registry: ActionRegistry) -> None:
    for action in (DeleteWithoutMail, CopyWithoutMail, AliasWithoutMail, TranslateWithoutMail):
        registry.register(Page, action)
