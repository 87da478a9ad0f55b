"""Fixtures for all tests."""

pytest_plugins = ["tests.servers.fixtures", "tests.browser", "tests.axe"]
