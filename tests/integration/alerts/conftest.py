from __future__ import annotations

import pytest
from sqlalchemy import Engine

from tests.integration.alerts.faults import World
from tests.integration.records import Records


@pytest.fixture
def world(engine: Engine, records: Records) -> World:
    return World(engine, records)
