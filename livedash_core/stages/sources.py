"""The source (address, credentials, allowed networks) of each company, its credentials looked up once per run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from livedash_core.clients.credentials import Credentials
from livedash_core.clients.source import Source
from livedash_core.errors import ConfigurationError, LocalConfigurationError, SystemicError
from livedash_core.models import Company


class Sources:
    """Caches each company's ``Source``; a company's row must have ``COLUMNS``."""

    COLUMNS = (
        Company.id.label("company_id"),
        Company.name.label("company_name"),
        Company.csv_url,
        Company.http_conn_id,
        Company.timezone,
        Company.date_order,
        Company.allowed_origins,
        Company.allowed_networks,
    )

    def __init__(self, credentials: Callable[[str], Credentials | None]) -> None:
        self._credentials = credentials
        self._sources: dict[UUID, Source] = {}

    def of(self, company: Any) -> Source:
        """The source of the company in this row.

        Raises ``SystemicError`` for the company when the connection it names does not exist or cannot be read.
        """
        if company.company_id not in self._sources:
            self._sources[company.company_id] = Source(
                company_id=company.company_id,
                company=company.company_name,
                csv_url=company.csv_url or "",
                credentials=self._look_up(company),
                allowed_origins=tuple(company.allowed_origins),
                allowed_networks=tuple(company.allowed_networks),
            )
        return self._sources[company.company_id]

    def _look_up(self, company: Any) -> Credentials | None:
        conn_id = company.http_conn_id
        if conn_id is None:
            return None
        try:
            found = self._credentials(conn_id)
        except ConfigurationError as error:
            raise SystemicError(
                f"{company.company_name}: {error}",
                company_id=company.company_id,
                local=isinstance(error, LocalConfigurationError),
            ) from error
        if found is None:
            raise SystemicError(
                f"{company.company_name}: the connection {conn_id!r} does not exist or holds no login; create it in "
                f"Airflow (Admin > Connections) or set AIRFLOW_CONN_{conn_id.upper()}",
                company_id=company.company_id,
            )
        return found
