"""Fixtures for all tests."""

import os

import hypothesis

# The same examples in each run, so that a change is judged by what it changes; others with
# HYPOTHESIS=random, to look for what nobody thought of.
hypothesis.settings.register_profile("same", derandomize=True)
if os.environ.get("HYPOTHESIS") != "random":
    hypothesis.settings.load_profile("same")

pytest_plugins = ["tests.servers.fixtures", "tests.migrated", "tests.browser", "tests.axe"]
