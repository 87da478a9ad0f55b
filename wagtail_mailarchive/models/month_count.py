"""`MonthCount`: how many messages a folder holds by month, in any reader's zone.

One row counts a whole month of UTC. Rows beside it count the quarters of an hour around the
month's beginning, because in a reader's zone the month begins up to fourteen hours earlier or
later, at a full quarter in every zone of today. `archive.month_counts` adds them up.
"""

from __future__ import annotations

from django.db import models

WHOLE_MONTH = 1000  # no quarter has this number


class MonthCount(models.Model):
    """A number of messages.

    Attributes:
        month: first day (UTC) of the month counted; for a quarter: of the month it is near to.
        quarter: `WHOLE_MONTH`, or quarters of an hour from the month's beginning, -56 to 55.
    """

    folder = models.ForeignKey(
        "EmailFolderPage", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    month = models.DateField()
    quarter = models.SmallIntegerField(default=WHOLE_MONTH)
    messages = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["folder", "quarter", "month"], name="mailarchive_month_count"
            )
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}: {self.messages}"
