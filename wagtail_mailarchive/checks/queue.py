"""Checks of the task queue: django-q2 fails late and obscurely where it is set up wrongly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from multiprocessing import cpu_count
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from ..fetching.run import LONGEST_TASK
from .paste import assignment, paste, update

SAFE = {
    "workers": 2,
    "queue_limit": 2,
    "timeout": 600,
    "retry": 1500,
    "ack_failures": True,
    "max_attempts": 3,
    "catch_up": False,
}
WHOLE: dict[str, object] = {
    "name": "mailarchive",
    "orm": "default",
    "poll": 1,
    "save_limit_per": "func",
    **SAFE,
}
_BROKERS = ("orm", "redis", "django_redis", "iron_mq", "sqs", "mongo", "broker_class")


@register()
def check_queue(
    app_configs: Sequence[AppConfig] | None = None, **kwargs: object
) -> list[CheckMessage]:
    """Ask for a task queue that runs no task twice and no failure forever."""
    found: list[CheckMessage] = []
    if not apps.is_installed("django_q"):
        found.append(
            Error(
                "django_q is not installed, so no mail can be fetched.",
                hint=paste("At the end of the settings:", 'INSTALLED_APPS += ["django_q"]'),
                id="wagtail_mailarchive.E020",
            )
        )
    cluster = getattr(settings, "Q_CLUSTER", None)
    if not isinstance(cluster, Mapping) or not any(cluster.get(broker) for broker in _BROKERS):
        found.append(
            Error(
                "Q_CLUSTER is missing or names no broker, so django-q looks for a Redis server.",
                hint=paste(
                    "At the end of the settings; the tasks then wait in the site's own database:",
                    assignment("Q_CLUSTER", WHOLE),
                ),
                id="wagtail_mailarchive.E021",
            )
        )
        return found
    return (
        found
        + [
            Error(
                f"Q_CLUSTER is not safe: {problem}",
                hint=paste("At the end of the settings:", update("Q_CLUSTER", dict(SAFE))),
                id=f"wagtail_mailarchive.{code}",
            )
            for code, problem in _problems(cluster)
        ]
        + _sync(cluster)
    )


def _problems(cluster: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (code, what is wrong); where a name is missing, django-q's default counts."""
    problems = []
    timeout = cluster.get("timeout") or 0
    retry = cluster.get("retry", 60)
    workers = cluster.get("workers") or cpu_count()
    queue_limit = cluster.get("queue_limit", workers**2)
    if timeout <= LONGEST_TASK:
        problems.append(
            ("E022", f"a fetch may take {LONGEST_TASK} seconds, so timeout must be larger.")
        )
    # The retry clock starts when a task is taken from the broker, before it waits for a worker.
    longest = timeout * (queue_limit + 2) / workers
    if retry <= longest:
        problems.append(
            (
                "E023",
                f"a task may wait and run for timeout x (queue_limit + 2) / workers = "
                f"{longest:.0f} seconds; retry ({retry}) must be larger, or it runs twice.",
            )
        )
    if not cluster.get("ack_failures", False):
        problems.append(("E024", "without ack_failures a task that failed is run again forever."))
    if not cluster.get("max_attempts", 0):
        problems.append(("E025", "max_attempts must be a number, or attempts never end."))
    if cluster.get("catch_up", True):
        problems.append(
            ("E026", "with catch_up a worker that was off repeats all it has missed at once.")
        )
    return problems


def _sync(cluster: Mapping[str, Any]) -> list[CheckMessage]:
    if not cluster.get("sync"):
        return []
    return [
        Warning(
            "Q_CLUSTER has sync on, so fetching runs inside the request of whoever asks for it.",
            hint=paste(
                "Good for tests only. Elsewhere, at the end of the settings:",
                'Q_CLUSTER["sync"] = False',
            ),
            id="wagtail_mailarchive.W020",
        )
    ]
