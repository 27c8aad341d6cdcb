"""What each test needs, as markers, and which tests one of several parallel workers runs together.

A test that uses Airflow or a browser through one of the fixtures below gets its marker from here; a test that starts
Airflow by itself is marked where it stands.
"""

from __future__ import annotations

import pytest

#: Fixture → the markers of the tests that use it.
MARKERS_BY_FIXTURE = {"airflow": ["airflow"], "stack": ["airflow"], "browser": ["browser"]}
#: Fixture → the group of tests that share one instance of it in one worker. The longest groups come first.
GROUPS_BY_FIXTURE = {"stack": "stack", "airflow": "airflow"}


@pytest.hookimpl(tryfirst=True)  # before `-m` selects by these markers, and before pytest-xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in fixtures_of(item) & MARKERS_BY_FIXTURE.keys():
            for marker in MARKERS_BY_FIXTURE[fixture]:
                item.add_marker(marker)
    if config.getoption("loadgroup", False):
        for item in items:
            item.add_marker(pytest.mark.xdist_group(group_of(item)))
        items.sort(key=start_order)


def fixtures_of(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


def group_of(item: pytest.Item) -> str:
    """Tests that share a running Airflow, otherwise those of a file, which may share a fixture of their module."""
    shared = fixtures_of(item)
    return next(
        (group for fixture, group in GROUPS_BY_FIXTURE.items() if fixture in shared),
        str(item.path.relative_to(item.config.rootpath)),
    )


def start_order(item: pytest.Item) -> int:
    """The longest first, so that no worker is left with a long group when the others are done."""
    shared = fixtures_of(item)
    for order, fixture in enumerate(GROUPS_BY_FIXTURE):
        if fixture in shared:
            return order
    return len(GROUPS_BY_FIXTURE) + (0 if item.get_closest_marker("slow") else 1)
