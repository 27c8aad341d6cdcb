from __future__ import annotations

import pytest

from livedash_core.settings import DIVIDED_LIMITS, Settings, part_of


@pytest.mark.parametrize("of", [1, 2, 3, 7, 8])
def test_the_parts_of_a_limit_add_up_to_it_and_differ_by_one_at_most(of: int) -> None:
    parts = [part_of(23, which, of) for which in range(of)]
    assert sum(parts) == 23
    assert max(parts) - min(parts) <= 1


@pytest.mark.parametrize("of", [1, 2, 5, 8])
def test_the_shares_of_several_processes_add_up_to_the_limits(of: int) -> None:
    settings = Settings(fetch_concurrency=17, fetch_per_origin=8, analysis_concurrency=64, lease_seconds=7)
    shares = [settings.share(which, of) for which in range(of)]
    for name in DIVIDED_LIMITS:
        assert sum(getattr(share, name) for share in shares) == getattr(settings, name)
    assert {share.lease_seconds for share in shares} == {7}


def test_no_process_has_a_limit_of_zero() -> None:
    assert Settings(fetch_per_origin=1).share(3, 4).fetch_per_origin == 1
