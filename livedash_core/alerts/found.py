"""What a rule returns, and the addresses and commands in it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode
from uuid import UUID

from livedash_core.alerts.facts import CompanyFacts

#: Where the pages are, below Airflow.
PAGES = "livedash/"
#: Where Airflow's own pages of DAGs are.
DAGS = "dags/"
#: ``key_stage`` of a fact whose key has the stage of the fact.
_SAME = "*"


@dataclass(frozen=True, slots=True)
class Found:
    """A fact that needs a person.

    ``level`` is 1, and higher when it is worse; ``detail`` distinguishes facts of one rule, company and stage.
    """

    rule: str
    company: CompanyFacts | None
    stage: str | None
    since: datetime
    message: str
    advice: str
    page: str
    command: str
    level: int = 1
    detail: str = ""
    key_stage: str | None = _SAME

    @property
    def key(self) -> str:
        """Identifies the fact as long as it lasts."""
        stage = self.stage if self.key_stage == _SAME else self.key_stage
        return ":".join((self.rule, str(self.company.id) if self.company else "", stage or "", self.detail))


def page(name: str, **query: object) -> str:
    """The address of a page, below that of Airflow; a company is named by its id."""
    parameters = {key: str(value) for key, value in query.items() if value is not None}
    return f"{PAGES}{name}" + (f"?{urlencode(parameters)}" if parameters else "")


def dag_page(dag_id: str) -> str:
    """The address of a DAG, below that of Airflow."""
    return f"{DAGS}{quote(dag_id)}"


def command(begin: str, *arguments: str) -> str:
    """A command for a shell: ``begin`` as it is, and each word of ``arguments`` quoted."""
    return " ".join((begin, *map(shlex.quote, arguments)))


def company_id(found: Found) -> UUID | None:
    """The id of the fact's company."""
    return found.company.id if found.company else None


def utc(instant: datetime) -> str:
    """An instant as sentences write it."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%MZ}"
