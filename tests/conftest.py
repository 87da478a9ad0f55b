"""Fixtures for all tests."""

import fcntl
import gc
import os
import sys
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest
from django.utils import translation

# The same examples in each run, so that a change is judged by what it changes; others with
# HYPOTHESIS=random, to look for what nobody thought of.
hypothesis.settings.register_profile("same", derandomize=True)
if os.environ.get("HYPOTHESIS") != "random":
    hypothesis.settings.load_profile("same")

pytest_plugins = ["tests.servers.fixtures", "tests.migrated", "tests.browser", "tests.axe"]


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Have one of several processes collect before the others do.

    Where nobody has run the tests before, they have to be compiled, their assertions rewritten;
    that takes a process some fifteen seconds, and the others then read what it has written.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ or sys.dont_write_bytecode:
        return (yield)
    with Path(__file__).open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # As soon as the first one is done they need not wait for each other.
            fcntl.flock(lock, fcntl.LOCK_SH)
            fcntl.flock(lock, fcntl.LOCK_UN)
        return (yield)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass by what stays until the end, and come more rarely.

    All that is imported and collected is looked through again and again otherwise.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no process is left alone with it at the end.

    What uses the database stays where pytest-django puts it.
    """
    items.sort(
        key=lambda item: (
            not item.get_closest_marker("slow") or bool(item.get_closest_marker("django_db"))
        )
    )


@pytest.fixture(autouse=True)
def language_of_the_settings() -> Generator[None]:
    """Leave no test the language that a request of the one before asked for."""
    yield
    translation.deactivate()
