"""The forms of a manual run. Parameters without a section are shown expanded in Airflow's dialog.

The company is free text: Airflow takes proposals from the DAG, which would need a query at every parse and would get a
new version with every company. A run with an unknown name fails with a list of the known ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent

from airflow.sdk import Param

from livedash_core.analyzers import load_analyzers
from livedash_core.enums import MODES

#: No NUL, which PostgreSQL text cannot contain.
_TEXT = "^[^\\x00]*$"
MAX_SESSIONS = 1000
#: As long as the status manager keeps it (``livedash_core.status.records``), whose import a DAG file avoids.
MAX_REASON_CHARACTERS = 500
#: More sessions than a run can process before its time is up, and a number that every database column holds.
MAX_LIMIT = 10_000_000


def company_param(description: str) -> Param:
    """The parameter for the name of a company."""
    return Param(
        None,
        type=["null", "string"],
        pattern=_TEXT,
        maxLength=200,
        title="Company",
        description=description,
    )


def scope_form() -> dict[str, Param]:
    """The parameters that select the sessions of a manual run; all empty: every session that is due."""
    return {
        "company": company_param("The company's name; empty: all active companies."),
        "from": Param(
            None,
            type=["null", "string"],
            format="date",
            title="From",
            description="Sessions that started on this day (UTC) or later.",
        ),
        "to": Param(
            None,
            type=["null", "string"],
            format="date",
            title="To",
            description="Sessions that started on this day (UTC) or earlier.",
        ),
        "session_ids": Param(
            None,
            type=["null", "array"],
            items={"type": "string", "pattern": _TEXT, "maxLength": 200},
            maxItems=MAX_SESSIONS,
            title="Sessions",
            description=f"LiveDash ids or the source's ids, one per line; at most {MAX_SESSIONS}.",
        ),
        "retry_failed": Param(
            False,
            type="boolean",
            title="Retry failed",
            description="First reset the failed sessions among them to pending, with all their attempts.",
        ),
        "skip_reason": Param(
            None,
            type=["null", "string"],
            pattern=_TEXT,
            maxLength=MAX_REASON_CHARACTERS,
            title="Skip for good",
            description="A reason. The failed sessions selected above are skipped for good instead of retried.",
        ),
        "rerun": Param(
            False,
            type="boolean",
            title="Run again",
            description="Run this stage and all later ones again for the sessions named above, even if completed.",
        ),
        "limit": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=MAX_LIMIT,
            title="Limit",
            description=f"Process at most so many sessions, up to {MAX_LIMIT:,}; a CSV is always imported as a whole.",
        ),
    }


def analysis_form() -> dict[str, Param]:
    """``scope_form`` and the choice of analyzer, model and mode."""
    return scope_form() | {
        "analyzer": Param(
            None,
            type=["null", "string"],
            enum=[None, *load_analyzers().choices],
            title="Analyzer",
            description="Empty: each company's own choice. auto: a model if there is a key, otherwise offline rules.",
        ),
        "model": Param(
            None,
            type=["null", "string"],
            pattern=_TEXT,
            maxLength=200,
            title="Model",
            description="Empty: each company's own choice.",
        ),
        "mode": Param(
            None,
            type=["null", "string"],
            enum=[None, *MODES],
            title="Mode",
            description="Empty: each company's own choice. batch: half the price, results within a day; the run waits. "
            "The offline rules always analyse at once.",
        ),
    }


def document(doc: str, form: Mapping[str, Param]) -> str:
    """``doc`` with a list of the form's parameters, as the documentation of a DAG."""
    lines = [f"- *{param.schema['title']}* (`{name}`): {param.description}" for name, param in form.items()]
    return f"{dedent(doc).strip()}\n\n**Parameters of a run triggered by hand.**\n\n" + "\n".join(lines) + "\n"
