"""The forms of a manual run. Un-sectioned parameters stay open in Airflow's dialog.

The company is free text: Airflow reads proposals from the DAG itself, which would have to ask the database at every
parse and become a new version with every company. A name that nobody has is answered with those there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent

from airflow.sdk import Param

from livedash_core.analyzers import load_analyzers
from livedash_core.enums import MODES

#: No NUL, which PostgreSQL refuses to compare anything with.
_TEXT = "^[^\\x00]*$"
MOST_SESSIONS = 1000


def scope_form() -> dict[str, Param]:
    """Which sessions a manual run is about; all empty: everything that is due."""
    return {
        "company": Param(
            None,
            type=["null", "string"],
            pattern=_TEXT,
            maxLength=200,
            title="Company",
            description="Its name; empty: all active companies.",
        ),
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
            maxItems=MOST_SESSIONS,
            title="Sessions",
            description=f"Ids, ours or the source's, one per line; at most {MOST_SESSIONS}.",
        ),
        "retry_failed": Param(
            False,
            type="boolean",
            title="Retry failed",
            description="Put the failed sessions among them back in line first, with all their attempts.",
        ),
        "again": Param(
            False,
            type="boolean",
            title="Do again",
            description="Do this stage and all after it again for the sessions named above, even where it is done.",
        ),
        "limit": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Limit",
            description="At most so many sessions; a CSV is imported whole.",
        ),
    }


def analysis_form() -> dict[str, Param]:
    """The scope, and who analyses."""
    return scope_form() | {
        "analyzer": Param(
            None,
            type=["null", "string"],
            enum=[None, *load_analyzers().choices],
            title="Analyzer",
            description="Empty: each company's own choice. auto: a model when there is a key, else offline rules.",
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
            description="Empty: each company's own choice. batch: half the price, within a day; the run waits for it. "
            "What offline rules analyse is analysed at once.",
        ),
    }


def explained(doc: str, form: Mapping[str, Param]) -> str:
    """A DAG's documentation with its parameters, in the words of the form itself."""
    lines = [f"- *{param.schema['title']}* (`{name}`): {param.description}" for name, param in form.items()]
    return f"{dedent(doc).strip()}\n\n**Parameters of a run triggered by hand.**\n\n" + "\n".join(lines) + "\n"
