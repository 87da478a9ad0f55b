"""Settings of the soak's processes: the test site with Redis as its broker.

TEST_DATABASE_URL: the PostgreSQL. SOAK_REDIS: the broker's URL.
"""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as TEST_APPS
from tests.settings import Q_CLUSTER as TEST_CLUSTER

INSTALLED_APPS = ["tests.soak", *TEST_APPS, "django.contrib.postgres"]
Q_CLUSTER = {
    **{name: value for name, value in TEST_CLUSTER.items() if name != "orm"},
    "redis": os.environ["SOAK_REDIS"],
    # One process each, because two of them are started.
    "workers": 1,
    "log_level": "WARNING",
    "retry": 3000,
}
