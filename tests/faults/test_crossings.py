"""Whatever happens at whichever point: nothing lost, nothing twice, nothing removed unproven.

One fetch is ended or fails at one crossing. Another worker goes on, a later run does the rest, and
the one after that finds nothing to do. `make faults` tries every case, `make test` some.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import astuple

import pytest

from tests.servers.dovecot import Dovecot
from wagtail_mailarchive.crossings import Crossing

from .cases import ABOUT, Case, every_case, pairwise, telling, times, tried
from .databases import Databases
from .survival import begin, connect, survive

_EVERY = list(every_case())
CASES = _EVERY if os.environ.get("FAULTS") == "all" else pairwise(telling(_EVERY))
BATCHES = 6


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_loses_nothing_doubles_nothing_and_removes_nothing_unproven(
    case: Case, dovecot: Dovecot, request: pytest.FixtureRequest
) -> None:
    fixture = "sqlite" if case.database == "sqlite" else "postgresqls"
    databases: Databases = request.getfixturevalue(fixture)
    connected = connect(dovecot, case.protocol, case.errand)
    survive(databases, connected, case.crossing, case.fault, nth=case.nth)


@pytest.mark.parametrize(
    ("protocol", "errand"),
    sorted({(case.protocol, case.errand) for case in _EVERY}),
)
def test_each_crossing_is_met_and_no_other(
    protocol: str, errand: str, dovecot: Dovecot, sqlite: Databases
) -> None:
    connected = connect(dovecot, protocol, errand)
    with sqlite.fresh() as database:
        begin(sqlite.nursery, database, connected)
        ended = sqlite.nursery.run("fetch", database, errand=errand)
    assert ended.result is not None, ended.told
    met = {Crossing[name]: number for name, number in ended.result.items()}
    here = tried(errand, protocol)
    assert {each for each in here if met.get(each, 0) < times(each, errand, protocol)} == set()
    elsewhere = set().union(*(tried(each, protocol) for each in ("leave", "delete")))
    if errand in ABOUT:
        assert set(met) - here <= elsewhere
        return
    assert set(met) == here
    # Once a batch and not once a message, so that it costs nothing; and what is to be removed is
    # asked for its size, and for its body.
    assert met[Crossing.PREPARED] == met[Crossing.BATCH_COMMITTED] == BATCHES
    assert {each for each in met if met[each] > BATCHES + 1} <= {Crossing.ASKED_AGAIN}


def test_there_is_no_crossing_that_is_not_tried() -> None:
    assert {Crossing[case.crossing] for case in _EVERY} == set(Crossing)


def test_few_cases_try_all_that_two_values_do_together() -> None:
    all_of_them = telling(_EVERY)
    few = pairwise(all_of_them)
    assert len(few) < len(all_of_them) / 4
    kinds = [[astuple(case) for case in cases] for cases in (few, all_of_them)]
    for first, second in itertools.combinations(range(6), 2):
        pairs = [{(values[first], values[second]) for values in each} for each in kinds]
        assert pairs[0] == pairs[1]
