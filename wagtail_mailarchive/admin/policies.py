"""Who may manage mail accounts: superusers, whatever groups and permissions say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Manager, Model, QuerySet
from wagtail.permission_policies import BasePermissionPolicy


class SuperusersOnly(BasePermissionPolicy):
    def user_has_permission(self, user: Any, action: str) -> bool:
        return bool(user.is_active and user.is_superuser)

    def users_with_any_permission(self, actions: Iterable[str]) -> QuerySet[Any]:
        return get_user_model()._default_manager.filter(is_active=True, is_superuser=True)

    def instances_user_has_any_permission_for(
        self, user: Any, actions: Iterable[str]
    ) -> QuerySet[Any]:
        objects: Manager[Any] = self.model._default_manager
        return objects.all() if self.user_has_any_permission(user, actions) else objects.none()

    def users_with_any_permission_for_instance(
        self, actions: Iterable[str], instance: Model
    ) -> QuerySet[Any]:
        return self.users_with_any_permission(actions)
