"""What went so wrong in a run that nothing is removed from the server in it.

An anomaly is an error of protocol, identity, integrity, lease or storage. A message in quarantine
is none, nor is one that is too large, or that went between its listing and its reading.
"""

from __future__ import annotations

import logging

from ..crossings import Crossing, cross
from ..exceptions import MailArchiveError
from ..models import FetchRun
from ..models.run import ACTIVE

_log = logging.getLogger("wagtail_mailarchive.fetching")


def note_anomaly(run: FetchRun, error: MailArchiveError) -> None:
    """Keep `error` as the reason why `run` removes nothing, unless it has one already.

    Not fenced by the lease: whoever saw it is right to say so, and all that it does is to keep
    something from being done. To be called outside of a transaction that may be rolled back.
    """
    undisturbed = FetchRun.objects.filter(pk=run.pk, status__in=ACTIVE, anomaly_code="")
    if undisturbed.update(anomaly_code=error.code, anomaly_params=error.params):
        _log.warning("Run %s removes nothing from the server: %s", run.pk, error)
    cross(Crossing.ANOMALY_NOTED)
