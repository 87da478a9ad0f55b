"""`WorkerHeartbeat`: proof that a worker was alive; one row for the site."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils import timezone

# The schedule beats each minute, and a fetch beats between batches.
ALIVE_FOR = timedelta(minutes=3)


class WorkerHeartbeat(models.Model):
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.beat_at.isoformat()

    @classmethod
    def beat(cls) -> None:
        """Note that a worker is alive now."""
        cls.objects.update_or_create(pk=1, defaults={"beat_at": timezone.now()})

    @classmethod
    def is_alive(cls) -> bool:
        """Whether a worker was alive within the last three minutes."""
        return cls.objects.filter(beat_at__gte=timezone.now() - ALIVE_FOR).exists()
