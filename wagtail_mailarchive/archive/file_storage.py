"""A file system storage that keeps what it took.

Django's own neither flushes the file nor its folder to the disk, and renames where a name is
taken. Here the name is the content's hash: a file of that name is the same file.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence

from django.core.files.storage import FileSystemStorage


class DurableFileSystemStorage(FileSystemStorage):
    """For `STORAGES`, as the backend of the alias that `ORIGINALS_STORAGE` names."""

    def exists(self, name: str) -> bool:
        """Whether there is a file `name`; Django's own takes any error for its absence.

        Raises:
            OSError: no right to look, or a failing or stale volume.
        """
        try:
            os.lstat(self.path(name))
        except FileNotFoundError:
            return False
        return True

    def save_durably(self, name: str, chunks: Sequence[bytes]) -> None:
        """Write `chunks` as `name`; once this returns, a power cut does not lose them.

        Raises:
            OSError: no room, no right, or a failing disk; nothing of that name is left behind.
        """
        path = self.path(name)
        folder = os.path.dirname(path)
        size = sum(map(len, chunks))
        if os.path.exists(path) and os.path.getsize(path) == size:
            # A crash may have come between the rename and the folder's flush.
            flush_folder(folder)
            return
        if not os.path.isdir(folder):
            os.makedirs(folder, exist_ok=True)
            flush_folder(os.path.dirname(folder))
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".writing-")
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        flush_folder(folder)


def flush_folder(folder: str | os.PathLike[str]) -> None:
    """Return once the names in `folder` are on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
