"""How many examples Hypothesis makes, and what tests count with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings

from tests.hostile.counting import Count
from tests.hostile.extent import EVERYTHING

_some = settings(
    max_examples=100,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile("some", _some)
# New ones each time; how to make a failing one again is printed.
settings.register_profile("many", _some, max_examples=2_000, derandomize=False, print_blob=True)
settings.load_profile("many" if EVERYTHING else "some")


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Count:
    return record_property
