"""Where the exact bytes of messages are kept and read from.

In the database by default: the bytes commit together with the page, are as durable as it, and one
backup holds both. Or in a Django storage (`ORIGINALS_STORAGE`), written and made durable before
the transaction that names them begins; what a rollback leaves there is found by `orphans`.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.utils import timezone

from ..conf import SETTING, archive_settings
from ..exceptions import ConfigurationError, MailArchiveError, OriginalDamaged, StorageError
from ..models import Original, OriginalChunk
from ..models.original import CHUNK_SIZE, DATABASE
from . import rows
from .deflate import deflate
from .file_storage import DurableFileSystemStorage

# Deflating costs up to 0.8 ms a message; base64 shrinks to 0.76 only, text to 0.3.
_SAMPLED = 64 * 1024
_SAMPLE = 4096
_PAYS = 0.7
_CHUNKS_AT_ONCE = 16  # at most 16 MiB in one statement


@dataclass(slots=True)
class PreparedOriginal:
    """An original that is hashed and, where it goes to the database, cut and deflated.

    Preparing needs no database and lets other threads run, so it is done ahead of the transaction.
    """

    sha256: str
    size: int
    store: str
    rows: list[tuple[bool, bytes]] = field(repr=False)


def prepare(chunks: Sequence[bytes]) -> PreparedOriginal:
    """Hash the original whose bytes are `chunks`, and write it where that is no database.

    Raises:
        StorageError: the storage did not take it, or gave back other bytes.
        ConfigurationError: the storage cannot promise to keep what it took.
    """
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    sha256, size = digest.hexdigest(), sum(map(len, chunks))
    alias = archive_settings().ORIGINALS_STORAGE
    if alias is None:
        return PreparedOriginal(sha256, size, DATABASE, [_deflate(c) for c in _recut(chunks)])
    _store(alias, sha256, chunks)
    return PreparedOriginal(sha256, size, alias, [])


def insert(originals: Sequence[PreparedOriginal]) -> dict[str, int]:
    """Insert what is new of `originals` in the present transaction.

    Rows are inserted in order of SHA-256, so that two writers cannot wait for each other.

    Returns:
        The key of each by its SHA-256.
    """
    wanted = {each.sha256: each for each in originals}
    now = timezone.now()
    inserted = rows.insert(
        Original,
        ("sha256", "size", "store", "created_at"),
        [
            (each.sha256, each.size, each.store, now)
            for each in sorted(wanted.values(), key=attrgetter("sha256"))
        ],
        unique=("sha256",),
        returning=("sha256", "id"),
    )
    keys: dict[str, int] = dict(inserted)
    chunks = [
        (key, number, deflated, data)
        for sha256, key in inserted
        for number, (deflated, data) in enumerate(wanted[sha256].rows)
    ]
    for start in range(0, len(chunks), _CHUNKS_AT_ONCE):
        rows.insert(
            OriginalChunk,
            ("original_id", "number", "deflated", "data"),
            chunks[start : start + _CHUNKS_AT_ONCE],
        )
    # What was there already, or came from another writer meanwhile, is kept as it is, and held:
    # nobody erases it until this transaction has ended.
    keys |= _held_keys_of(wanted.keys() - keys.keys())
    erased = [each for sha256, each in wanted.items() if sha256 not in keys]
    return keys | insert(erased) if erased else keys


def read(original: Original, start: int = 0, length: int | None = None) -> bytes:
    """Return `length` bytes of `original` from offset `start` (all that follow if None).

    Raises:
        StorageError: the store cannot be read.
        OriginalDamaged: the store holds fewer bytes than the original has.
    """
    end = original.size if length is None else min(start + length, original.size)
    if start >= end:
        return b""
    if original.store == DATABASE:
        first = start // CHUNK_SIZE
        pieces = _database_chunks(original, first, (end - 1) // CHUNK_SIZE)
        data = b"".join(pieces)[start - first * CHUNK_SIZE : end - first * CHUNK_SIZE]
    else:
        data = _read_stored(original, start, end - start)
    if len(data) != end - start:
        raise OriginalDamaged(sha256=original.sha256, store=original.store)
    return data


@dataclass(frozen=True, slots=True)
class OriginalRange:
    """Bytes of an original that are read piece by piece; a `mime.decode.Range`.

    Errors as for `read`.
    """

    original: Original
    start: int
    length: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, part: slice) -> bytes:
        begin, end, _ = part.indices(self.length)
        return read(self.original, self.start + begin, max(0, end - begin))


def stream(original: Original) -> Iterator[bytes]:
    """Yield the whole of `original` in pieces of at most 1 MiB; errors as for `read`."""
    if original.store != DATABASE:
        yield from _stream_stored(original)
        return
    for start in range(0, original.size, CHUNK_SIZE):
        yield read(original, start, CHUNK_SIZE)


def verify(original: Original) -> None:
    """Read `original` back and compare its SHA-256.

    Raises:
        OriginalDamaged: other bytes than were archived.
    """
    digest = hashlib.sha256()
    for piece in stream(original):
        digest.update(piece)
    if digest.hexdigest() != original.sha256:
        raise OriginalDamaged(sha256=original.sha256, store=original.store)


def is_stored(original: Original) -> bool:
    """Whether the store still has something of the name of `original`.

    Raises:
        StorageError: the store does not answer.
    """
    if original.store == DATABASE:
        return OriginalChunk.objects.filter(original=original).exists()
    with _failing_as_storage_error(original.store):
        return bool(_storage(original.store).exists(stored_name(original.sha256)))


def orphans(alias: str) -> Iterator[str]:
    """Yield names in the storage `alias` that no `Original` knows, left by a rollback.

    Run it while no fetch runs: a file is written before the row that names it.
    """
    storage = storages[alias]
    folders, _ = storage.listdir("")
    for folder in sorted(folders):
        _, names = storage.listdir(folder)
        hashes = {name.removesuffix(".eml") for name in names}
        for sha256 in sorted(hashes - _keys_of(hashes).keys()):
            yield stored_name(sha256)


def check_store() -> None:
    """Raise ConfigurationError if the present store cannot promise to keep what it takes."""
    alias = archive_settings().ORIGINALS_STORAGE
    if alias is not None:
        with _failing_as_storage_error(alias):
            _storage(alias)


def stored_name(sha256: str) -> str:
    """Return the name of an original in a storage: one level of 256 folders."""
    return f"{sha256[:2]}/{sha256}.eml"


# -- database --------------------------------------------------------------------------------


def _keys_of(hashes: Iterable[str]) -> dict[str, int]:
    found = Original.objects.filter(sha256__in=list(hashes))
    return dict(found.values_list("sha256", "pk"))


def _held_keys_of(hashes: Iterable[str]) -> dict[str, int]:
    found = Original.objects.filter(sha256__in=list(hashes)).order_by("sha256")
    return dict(found.select_for_update(no_key=True).values_list("sha256", "pk"))


def _recut(chunks: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in pieces of `CHUNK_SIZE`."""
    if len(chunks) == 1 and len(chunks[0]) <= CHUNK_SIZE:
        yield chunks[0]
        return
    pending = bytearray()
    for chunk in chunks:
        view = memoryview(chunk)
        for start in range(0, len(view), CHUNK_SIZE):
            pending += view[start : start + CHUNK_SIZE]
            while len(pending) >= CHUNK_SIZE:
                yield bytes(pending[:CHUNK_SIZE])
                del pending[:CHUNK_SIZE]
    if pending:
        yield bytes(pending)


def _deflate(chunk: bytes) -> tuple[bool, bytes]:
    if len(chunk) > _SAMPLED:
        # Mostly attachments, which seldom shrink: a look into the middle is cheaper than trying.
        middle = (len(chunk) - _SAMPLE) // 2
        sample = chunk[middle : middle + _SAMPLE]
        if len(deflate(sample)) > _PAYS * len(sample):
            return False, chunk
    deflated = deflate(chunk)
    return (True, deflated) if len(deflated) <= _PAYS * len(chunk) else (False, chunk)


def _database_chunks(original: Original, first: int, last: int) -> Iterator[bytes]:
    rows = (
        OriginalChunk.objects.filter(original=original, number__range=(first, last))
        .order_by("number")
        .values_list("deflated", "data")
    )
    for deflated, data in rows:
        try:
            yield zlib.decompress(data) if deflated else bytes(data)
        except zlib.error:
            raise OriginalDamaged(sha256=original.sha256, store=original.store) from None


# -- storages --------------------------------------------------------------------------------


def _storage(alias: str) -> Storage:
    storage = storages[alias]
    if isinstance(storage, FileSystemStorage) and not isinstance(storage, DurableFileSystemStorage):
        raise ConfigurationError(
            setting=f"{SETTING}['ORIGINALS_STORAGE']",
            problem=(
                f"the storage {alias} does not make files durable; give it the BACKEND "
                f"{DurableFileSystemStorage.__module__}.{DurableFileSystemStorage.__name__}"
            ),
        )
    return storage


@contextmanager
def _failing_as_storage_error(alias: str) -> Iterator[None]:
    try:
        yield
    except MailArchiveError:
        raise
    except Exception as error:
        # A storage is foreign code and has errors of its own: botocore's ClientError, a client's
        # HTTP errors, OSError, an alias that the settings no longer hold.
        raise StorageError(store=alias) from error


def _store(alias: str, sha256: str, chunks: Sequence[bytes]) -> None:
    name = stored_name(sha256)
    with _failing_as_storage_error(alias):
        storage = _storage(alias)
        if isinstance(storage, DurableFileSystemStorage):
            storage.save_durably(name, chunks)
            return
        if not storage.exists(name):
            saved = storage.save(name, io.BytesIO(b"".join(chunks)))
            if saved != name:
                storage.delete(saved)
        digest = hashlib.sha256()
        with storage.open(name) as file:
            for piece in file.chunks():
                digest.update(piece)
        if digest.hexdigest() != sha256:
            raise OriginalDamaged(sha256=sha256, store=alias)


@contextmanager
def _opened(original: Original) -> Iterator[File[bytes]]:
    with (
        _failing_as_storage_error(original.store),
        _storage(original.store).open(stored_name(original.sha256)) as file,
    ):
        yield file


def _read_stored(original: Original, start: int, length: int) -> bytes:
    with _opened(original) as file:
        file.seek(start)
        return bytes(file.read(length))


def _stream_stored(original: Original) -> Iterator[bytes]:
    """Yield the pieces of one opened file: to open it, some storages fetch all of it."""
    left = original.size
    with _opened(original) as file:
        while left and (piece := bytes(file.read(min(left, CHUNK_SIZE)))):
            left -= len(piece)
            yield piece
    if left:
        raise OriginalDamaged(sha256=original.sha256, store=original.store)
