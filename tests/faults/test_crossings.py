"""Whatever happens at whichever point: nothing lost, nothing twice, nothing removed unproven.

One fetch is ended or fails at one crossing. Another worker goes on, a later run does the rest, and
the one after that finds nothing to do. `make faults` tries every case, `make test` some.
"""

from __future__ import annotations

import itertools
import os

import pytest

from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.crossings import Crossing

from .cases import Case, every_case, met, pairwise
from .databases import Databases
from .survival import connect, survive

_EVERY = list(every_case())
CASES = _EVERY if os.environ.get("FAULTS") == "all" else pairwise(_EVERY)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_loses_nothing_doubles_nothing_and_removes_nothing_unproven(
    case: Case, dovecot: Dovecot, request: pytest.FixtureRequest
) -> None:
    fixture = "sqlite" if case.database == "sqlite" else "postgresqls"
    databases: Databases = request.getfixturevalue(fixture)
    connected = connect(dovecot, case.protocol, case.action)
    survive(databases, connected, case.crossing, case.fault, nth=case.nth)


@pytest.mark.parametrize(
    ("protocol", "action"),
    sorted({(case.protocol, case.action) for case in _EVERY}),
)
def test_each_crossing_is_met_and_no_other(
    protocol: str, action: str, dovecot: Dovecot, sqlite: Databases
) -> None:
    connected = connect(dovecot, protocol, action)
    with sqlite.fresh() as database:
        ended = sqlite.nursery.run(
            "fetch", database, endpoint=connected.endpoint, account=connected.account
        )
    assert ended.result is not None, ended.told
    assert {Crossing[name] for name in ended.result} == met(action)
    # Once a batch and not once a message, so that it costs nothing.
    assert ended.result["PREPARED"] == ended.result["BATCH_COMMITTED"] == 5


def test_few_cases_try_all_that_two_values_do_together() -> None:
    few = pairwise(_EVERY)
    assert len(few) < len(_EVERY) / 4
    for first, second in itertools.combinations(range(6), 2):
        pairs = [
            {(str(case).split("-")[first], str(case).split("-")[second]) for case in cases}
            for cases in (few, _EVERY)
        ]
        assert pairs[0] == pairs[1]
