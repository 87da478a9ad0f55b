"""Fixtures for all tests."""

pytest_plugins = ["tests.servers.fixtures", "tests.migrated", "tests.browser", "tests.axe"]
