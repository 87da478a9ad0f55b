"""Fixtures for all tests."""

import os

import hypothesis
import pytest

# The same examples in each run, so that a change is judged by what it changes; others with
# HYPOTHESIS=random, to look for what nobody thought of.
hypothesis.settings.register_profile("same", derandomize=True)
if os.environ.get("HYPOTHESIS") != "random":
    hypothesis.settings.load_profile("same")

pytest_plugins = ["tests.servers.fixtures", "tests.migrated", "tests.browser", "tests.axe"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no process is left alone with it at the end.

    What uses the database stays where pytest-django puts it.
    """
    items.sort(
        key=lambda item: (
            not item.get_closest_marker("slow") or bool(item.get_closest_marker("django_db"))
        )
    )
