"""When the search cluster is told of what has changed: after each fetch, and each minute."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from ..archive.search.cluster import feed
from ..models import UpkeepKind, UpkeepRun, UpkeepStatus
from ..models.upkeep import UNDER_WAY
from .upkeep_requests import enqueue, open_run

# After somebody stopped it. A cluster that is away is asked again in the next minute.
_NOT_AGAIN_FOR = timedelta(hours=1)


def request() -> None:
    """Have the worker tell what is still to be told, if anything is."""
    feed.stop_unless_wanted()
    if not feed.is_waiting():
        return
    runs = UpkeepRun.objects.filter(kind=UpkeepKind.CLUSTER)
    stopped = runs.filter(status=UpkeepStatus.STOPPED)
    if stopped.filter(finished_at__gt=timezone.now() - _NOT_AGAIN_FOR).exists():
        return
    run, is_new = open_run(UpkeepKind.CLUSTER, None)
    if is_new:
        # There may be one a minute; the last of them is enough to see that it works.
        runs.exclude(status__in=UNDER_WAY).delete()
        enqueue(run)
