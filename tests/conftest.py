"""What each test needs, as markers, and which tests one of several parallel workers runs together.

A test captures the same log messages whichever tests ran before it in the process.

A test that uses Airflow or a browser through one of the fixtures below gets its marker from here; a test that starts
Airflow by itself is marked where it stands.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Fixture → the markers of the tests that use it.
MARKERS_BY_FIXTURE = {"airflow": ["airflow"], "stack": ["airflow"], "browser": ["browser"]}
#: Folders whose tests share one running Airflow in one worker. The longest come first.
SHARED_BY_FOLDER = ("tests/e2e/", "tests/integration/airflow/")


@pytest.fixture(autouse=True)
def default_log_level() -> None:
    """Python's own level: Airflow, once a test has imported it, lets libraries log each HTTP request."""
    logging.getLogger().setLevel(logging.WARNING)


@pytest.hookimpl(tryfirst=True)  # before `-m` selects by these markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for fixture in set(getattr(item, "fixturenames", ())) & MARKERS_BY_FIXTURE.keys():
            for marker in MARKERS_BY_FIXTURE[fixture]:
                item.add_marker(marker)
    if hasattr(config, "workerinput"):
        items.sort(key=start_order)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return GroupScheduling(config, log)


class GroupScheduling(LoadScopeScheduling):
    """Gives a worker whole files, or all files of a folder that shares a running Airflow.

    pytest-xdist has groups by a mark, but version 3.8 writes them into an attribute that pytest 9.2 does not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    path = nodeid.partition("::")[0]
    return next((folder for folder in SHARED_BY_FOLDER if path.startswith(folder)), path)


def start_order(item: pytest.Item) -> int:
    """The longest first, so that no worker is left with a long group when the others are done."""
    group = group_of(item.nodeid)
    if group in SHARED_BY_FOLDER:
        return SHARED_BY_FOLDER.index(group)
    return len(SHARED_BY_FOLDER) + (0 if item.get_closest_marker("slow") else 1)
