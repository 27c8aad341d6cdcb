from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import pytest
from llmock.pytest_plugin import LLMock
from sqlalchemy import Engine

from tests.integration.records import Records
from tests.integration.stages.faulty_server import FaultyServer
from tests.integration.stages.llmock_companies import LlmockCompanies
from tests.integration.stages.server_sessions import Sessions
from tests.integration.stages.stage_runs import Pipeline
from tests.integration.stages.website import Site

AddCompany = Callable[..., UUID]


@pytest.fixture
def pipeline(engine: Engine) -> Pipeline:
    return Pipeline(engine)


@pytest.fixture
def companies(engine: Engine, records: Records, llmock: LLMock) -> LlmockCompanies:
    return LlmockCompanies(engine, records, llmock)


@pytest.fixture
def new_site() -> Iterator[Callable[[], Site]]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Site())


@pytest.fixture
def site(new_site: Callable[[], Site]) -> Site:
    return new_site()


@pytest.fixture
def add_company(records: Records) -> AddCompany:
    """A company whose source may live on this machine."""

    def add(name: str, csv_url: str, **columns: Any) -> UUID:
        return records.company(name, csv_url=csv_url, allowed_networks=["127.0.0.0/8"], **columns)

    return add


@pytest.fixture
def acme(add_company: AddCompany, site: Site) -> UUID:
    return add_company("Acme", site.csv_url)


@pytest.fixture
def faulty() -> Iterator[FaultyServer]:
    with FaultyServer() as server:
        yield server


@pytest.fixture
def sessions(companies: LlmockCompanies, faulty: FaultyServer) -> Sessions:
    return Sessions(companies, faulty)
