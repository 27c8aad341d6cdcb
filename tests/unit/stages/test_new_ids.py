from __future__ import annotations

import time
from itertools import islice, pairwise
from uuid import UUID

from livedash_core.stages.new_ids import new_ids


def test_ids_are_of_version_7_and_in_the_order_in_which_they_were_made():
    before = time.time_ns() // 1_000_000
    written = list(islice(new_ids(), 1000))
    ids = [UUID(each) for each in written]

    assert [str(each) for each in ids] == written
    assert {(each.version, each.variant) for each in ids} == {(7, UUID(int=1 << 63).variant)}
    assert all(one < next_one for one, next_one in pairwise(ids))
    assert before <= ids[0].int >> 80 <= time.time_ns() // 1_000_000


def test_two_at_once_make_different_ids():
    assert len({*islice(new_ids(), 1000), *islice(new_ids(), 1000)}) == 2000
