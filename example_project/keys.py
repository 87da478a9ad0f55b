"""The demo's secret keys, made once and kept beside its data, readable by the owner alone."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet


@dataclass(frozen=True)
class Keys:
    """What a real site keeps in its environment or its secret store.

    Attributes:
        secret_key: Django's SECRET_KEY.
        encryption_key: a Fernet key for the passwords of mail accounts.
    """

    secret_key: str = field(repr=False)
    encryption_key: str = field(repr=False)


def kept(directory: Path) -> Keys:
    """Return the keys in `directory`; make them, and it, at the first call.

    Raises:
        OSError: `directory` cannot be written or its keys cannot be read.
    """
    path = directory / "keys.json"
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True)
        made = Keys(secrets.token_urlsafe(50), Fernet.generate_key().decode("ascii"))
        # Written aside and linked: of two processes that start at once, both get the same keys.
        draft = directory / f"keys.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(made)), encoding="ascii")
        # Where the other process was first, its keys count.
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return Keys(**json.loads(path.read_text(encoding="ascii")))
