"""The forms of a manual run. Un-sectioned parameters stay open in Airflow's dialog."""

from __future__ import annotations

from airflow.sdk import Param


def scope_form() -> dict[str, Param]:
    """Which sessions a manual run is about; all empty: everything that is due."""
    return {
        "company": Param(None, type=["null", "string"], title="Company", description="Its name; empty: all companies."),
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
            items={"type": "string"},
            title="Sessions",
            description="Ids, ours or the source's, one per line.",
        ),
        "retry_failed": Param(
            False, type="boolean", title="Retry failed", description="Put failed sessions back in line first."
        ),
        "limit": Param(
            None, type=["null", "integer"], minimum=1, title="Limit", description="At most so many sessions."
        ),
    }


def analysis_form() -> dict[str, Param]:
    """The scope, and who judges."""
    return scope_form() | {
        "analyzer": Param(
            None,
            type=["null", "string"],
            enum=[None, "auto", "openai", "offline"],
            title="Analyzer",
            description="Empty: each company's own choice.",
        ),
        "model": Param(None, type=["null", "string"], title="Model", description="Empty: each company's own choice."),
    }
