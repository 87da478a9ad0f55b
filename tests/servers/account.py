"""The account servers run under: several refuse to run as root."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SystemAccount:
    """A user of this machine with its primary group."""

    user: str
    group: str
    uid: int
    gid: int

    def own(self, folder: Path) -> None:
        """Give `folder` and everything in it to this account, if we may and need to."""
        if os.geteuid() == 0:
            for path in (folder, *folder.rglob("*")):
                shutil.chown(path, self.uid, self.gid)

    def process_options(self) -> dict[str, object]:
        """Return what `subprocess` needs to start a program under this account."""
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def unprivileged() -> SystemAccount:
    """Return ourselves, or "nobody" where we are root."""
    entry = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    group = grp.getgrgid(entry.pw_gid)
    return SystemAccount(entry.pw_name, group.gr_name, entry.pw_uid, entry.pw_gid)
