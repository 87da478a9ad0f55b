"""Originals come back byte for byte, from the database and from storages."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import InMemoryStorage, storages
from django.db import transaction
from pytest_django import Settings

from wagtail_mailarchive.archive import originals
from wagtail_mailarchive.archive.file_storage import DurableFileSystemStorage
from wagtail_mailarchive.exceptions import ConfigurationError, OriginalDamaged, StorageError
from wagtail_mailarchive.models import Original, OriginalChunk
from wagtail_mailarchive.models.original import CHUNK_SIZE

pytestmark = pytest.mark.django_db

TEXT = b"From: a@example.org\r\n\r\n" + b"All work and no play.\r\n" * 4000
NOISE = os.urandom(3 * CHUNK_SIZE + 17)


class AlteringStorage(InMemoryStorage):
    """Changes bytes, as a proxy with a text mode might."""

    def _save(self, name: str, content: File[bytes]) -> str:
        altered = ContentFile(content.read().replace(b"\r\n", b"\n"))
        return str(super()._save(name, altered))  # type: ignore[misc]  # not in the stubs


class RemoteError(Exception):
    """As botocore's ClientError: no OSError, and known to nobody but that storage."""


class FailingStorage(InMemoryStorage):
    """Takes files until it is told to fail with an error of its own."""

    fails_at = ""

    def exists(self, name: str) -> bool:
        self._step("exists")
        return super().exists(name)

    def _save(self, name: str, content: File[bytes]) -> str:
        self._step("save")
        return str(super()._save(name, content))  # type: ignore[misc]  # not in the stubs

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        self._step("open")
        opened: File[bytes] = super()._open(name, mode)  # type: ignore[misc]  # not in the stubs
        return opened

    def _step(self, name: str) -> None:
        if name == self.fails_at:
            raise RemoteError("SECRET of the bucket")


class CountingStorage(InMemoryStorage):
    """As S3: each file that is opened is fetched whole."""

    opened = 0

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        type(self).opened += 1
        opened: File[bytes] = super()._open(name, mode)  # type: ignore[misc]  # not in the stubs
        return opened


@pytest.fixture
def durable_files(settings: Settings, tmp_path: Path) -> Path:
    _use(settings, tmp_path, "wagtail_mailarchive.archive.file_storage.DurableFileSystemStorage")
    return tmp_path


def _use(settings: Settings, location: Path, backend: str) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "originals": {"BACKEND": backend, "OPTIONS": {"location": str(location)}},
    }
    settings.WAGTAIL_MAILARCHIVE = {
        **settings.WAGTAIL_MAILARCHIVE,
        "ORIGINALS_STORAGE": "originals",
    }


def keep(*chunks: bytes) -> Original:
    prepared = originals.prepare(chunks)
    with transaction.atomic():
        return Original.objects.get(pk=originals.insert([prepared])[prepared.sha256])


@pytest.mark.parametrize("raw", [TEXT, NOISE, b"x", b""], ids=["text", "noise", "byte", "empty"])
def test_original_comes_back_byte_exact_from_the_database(raw: bytes) -> None:
    original = keep(raw)
    assert originals.read(original) == raw
    assert b"".join(originals.stream(original)) == raw
    assert original.sha256 == hashlib.sha256(raw).hexdigest()
    assert original.size == len(raw)


def test_chunks_of_any_size_are_cut_to_one_mebibyte() -> None:
    pieces = [NOISE[:10], NOISE[10 : 2 * CHUNK_SIZE + 5], NOISE[2 * CHUNK_SIZE + 5 :]]
    original = keep(*pieces)
    sizes = [len(chunk.data) for chunk in OriginalChunk.objects.order_by("number")]
    assert sizes == [CHUNK_SIZE, CHUNK_SIZE, CHUNK_SIZE, 17]
    assert originals.read(original) == NOISE


def test_text_is_deflated_and_noise_is_not() -> None:
    keep(TEXT)
    keep(NOISE)
    assert set(OriginalChunk.objects.values_list("original__size", "deflated")) == {
        (len(TEXT), True),
        (len(NOISE), False),
    }


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, 10), (CHUNK_SIZE - 5, 10), (CHUNK_SIZE, CHUNK_SIZE), (3 * CHUNK_SIZE, 99), (5, None)],
)
def test_a_range_is_read_across_chunks(start: int, length: int | None) -> None:
    original = keep(NOISE)
    end = None if length is None else start + length
    assert originals.read(original, start, length) == NOISE[start:end]


def test_the_same_bytes_are_stored_once() -> None:
    first, second = keep(TEXT), keep(TEXT)
    assert first == second
    assert Original.objects.count() == 1
    assert OriginalChunk.objects.count() == 1


def test_a_changed_byte_is_noticed() -> None:
    original = keep(NOISE)
    originals.verify(original)
    chunk = OriginalChunk.objects.get(original=original, number=1)
    chunk.data = bytes([chunk.data[0] ^ 1]) + bytes(chunk.data)[1:]
    chunk.save()
    with pytest.raises(OriginalDamaged):
        originals.verify(original)


def test_a_missing_chunk_is_an_error_and_not_a_shorter_message() -> None:
    original = keep(NOISE)
    OriginalChunk.objects.filter(number=3).delete()
    with pytest.raises(OriginalDamaged):
        originals.read(original)


def test_file_storage_names_by_hash_and_reads_ranges(durable_files: Path) -> None:
    original = keep(NOISE[:CHUNK_SIZE], NOISE[CHUNK_SIZE:])
    sha256 = hashlib.sha256(NOISE).hexdigest()
    assert (durable_files / sha256[:2] / f"{sha256}.eml").read_bytes() == NOISE
    assert original.store == "originals"
    assert not OriginalChunk.objects.exists()
    assert originals.read(original, 7, 11) == NOISE[7:18]
    originals.verify(original)


def test_file_is_flushed_before_it_gets_its_name_and_the_folder_after(
    durable_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(handle: int) -> None:
        steps.append("flush folder" if os.path.isdir(f"/dev/fd/{handle}") else "flush file")
        real_fsync(handle)

    def replace(source: str, target: str) -> None:
        steps.append("rename")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    originals.prepare([TEXT])
    assert steps == ["flush folder", "flush file", "rename", "flush folder"]


def test_a_full_disk_leaves_no_file_behind(
    durable_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError):
        originals.prepare([TEXT])
    assert [path for path in durable_files.rglob("*") if path.is_file()] == []


def test_a_rolled_back_file_is_found_as_an_orphan(durable_files: Path) -> None:
    keep(TEXT)
    lost = originals.prepare([NOISE])
    assert list(originals.orphans("originals")) == [originals.stored_name(lost.sha256)]


def test_djangos_own_file_storage_is_refused(settings: Settings, tmp_path: Path) -> None:
    _use(settings, tmp_path, "django.core.files.storage.FileSystemStorage")
    with pytest.raises(ConfigurationError, match="DurableFileSystemStorage"):
        originals.prepare([TEXT])


def test_other_storages_are_read_back(settings: Settings, tmp_path: Path) -> None:
    _use(settings, tmp_path, "django.core.files.storage.InMemoryStorage")
    original = keep(NOISE)
    assert originals.read(original, 3, 4) == NOISE[3:7]
    assert originals.prepare([NOISE]).sha256 == original.sha256


def test_a_storage_that_alters_bytes_is_refused(settings: Settings, tmp_path: Path) -> None:
    _use(settings, tmp_path, "tests.archive.test_originals.AlteringStorage")
    with pytest.raises(OriginalDamaged):
        originals.prepare([TEXT])


@pytest.mark.parametrize("step", ["exists", "save", "open"])
def test_a_storages_own_errors_are_storage_errors(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    _use(settings, tmp_path, "tests.archive.test_originals.FailingStorage")
    monkeypatch.setattr(FailingStorage, "fails_at", step)
    with pytest.raises(StorageError) as caught:
        originals.prepare([TEXT])
    assert caught.value.params == {"store": "originals"}
    assert "SECRET" not in str(caught.value)
    assert isinstance(caught.value.__cause__, RemoteError)


def test_an_original_that_its_storage_cannot_give_is_a_storage_error(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(settings, tmp_path, "tests.archive.test_originals.FailingStorage")
    original = keep(TEXT)
    assert originals.read(original) == TEXT
    monkeypatch.setattr(FailingStorage, "fails_at", "open")
    with pytest.raises(StorageError):
        originals.read(original)
    monkeypatch.setattr(FailingStorage, "fails_at", "")
    storages["originals"].delete(originals.stored_name(original.sha256))
    with pytest.raises(StorageError):
        originals.read(original)


def test_a_large_original_is_read_from_one_opened_file(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _use(settings, tmp_path, "tests.archive.test_originals.CountingStorage")
    original = keep(NOISE)
    monkeypatch.setattr(CountingStorage, "opened", 0)
    pieces = list(originals.stream(original))
    assert b"".join(pieces) == NOISE
    assert max(map(len, pieces)) == CHUNK_SIZE
    assert CountingStorage.opened == 1


def test_a_file_cut_short_is_damaged(durable_files: Path) -> None:
    original = keep(NOISE)
    os.truncate(durable_files / originals.stored_name(original.sha256), CHUNK_SIZE)
    with pytest.raises(OriginalDamaged):
        originals.verify(original)


def test_an_original_whose_storage_left_the_settings_is_a_storage_error(
    settings: Settings, tmp_path: Path
) -> None:
    _use(settings, tmp_path, "django.core.files.storage.InMemoryStorage")
    original = keep(TEXT)
    settings.STORAGES = {
        alias: given for alias, given in settings.STORAGES.items() if alias != "originals"
    }
    with pytest.raises(StorageError):
        originals.read(original)


def test_the_store_may_change_while_old_originals_stay_readable(
    settings: Settings, tmp_path: Path
) -> None:
    in_database = keep(TEXT)
    _use(settings, tmp_path, f"{DurableFileSystemStorage.__module__}.DurableFileSystemStorage")
    in_files = keep(NOISE)
    assert originals.read(in_database) == TEXT
    assert originals.read(in_files) == NOISE
    assert keep(TEXT) == in_database
