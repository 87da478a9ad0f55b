"""Three users, and their passwords, which the demo makes and keeps so that it can print them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from django.contrib.auth.models import Group, User

from wagtail_mailarchive.models.permissions import manage_permission, trash_permission

NAMES = ("admin", "editor", "reader")
STAFF = "Staff"
# Wagtail's own group of those who write and publish pages.
MODERATORS = "Moderators"


def passwords(directory: Path) -> dict[str, str]:
    """Return user name -> password as kept in `directory`; make them at the first call.

    Raises:
        OSError: `directory` cannot be written.
    """
    path = directory / "passwords.json"
    if path.exists():
        kept: dict[str, str] = json.loads(path.read_text(encoding="ascii"))
        return kept
    made = {name: secrets.token_urlsafe(9) for name in NAMES}
    draft = directory / "passwords.draft"
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(made), encoding="ascii")
    draft.rename(path)
    return made


def make_users(passwords: Mapping[str, str]) -> None:
    """Make the three users with these passwords.

    The admin may do all; the editor writes pages, connects mail accounts and fetches mail; the
    reader only reads.
    """
    staff = Group.objects.create(name=STAFF)
    # They may publish already; that and this make a manager of mail accounts and of the trash.
    moderators = Group.objects.get(name=MODERATORS)
    moderators.permissions.add(manage_permission().get(), trash_permission().get())
    for name, password in passwords.items():
        user = User.objects.create_user(
            name,
            f"{name}@tidemark.example",
            password,
            is_superuser=name == "admin",
            is_staff=name == "admin",
        )
        user.groups.add(staff)
        if name == "editor":
            user.groups.add(moderators)
