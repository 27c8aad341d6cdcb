"""The note of a backfill's run: which sessions it takes, and whether Airflow sent the form.

Airflow's scheduler calls ``on_dag_run_running`` when a run starts, before its first task. Only there can a backfill
without a form be told from one with a form: for a day that has a run already, Airflow 3.2 and 3.3 start that run again
and keep its earlier conf unless the backfill has one (``airflow.models.backfill``). Tasks see neither the backfill nor
the note, so the finding also becomes a key of the run's conf.
"""

from __future__ import annotations

from typing import Any

from airflow.listeners import hookimpl

from livedash_core.parsing.days import describe_window

#: What stands before it in a note was written by a person and is kept.
OURS = "LiveDash: "
NO_FORM = "NO FORM CAME WITH THIS BACKFILL"
REMEDY = (
    "If you filled in a form in Airflow's dialog, tick 'Override parameters on existing runs' there, or use the button "
    "'Backfill days' on the LiveDash page."
)
#: The key of the conf of a run whose form is one that its backfill did not send.
EARLIER_FORM = "form_of_an_earlier_run"
REFUSAL = f"{NO_FORM}, and Airflow kept the form of an earlier run of these days: nothing is changed. {REMEDY}"
#: What Airflow can store as a note.
MOST_CHARACTERS = 1_000


def describe_backfill(interval: tuple[Any, Any], *, has_conf: bool, sent_form: bool, note: str | None) -> str:
    """The run's new note. What a person wrote in ``note`` is kept before it."""
    days = f"sessions {describe_window(*interval)} (UTC)."
    if sent_form:
        ours = OURS + days
    elif has_conf:
        ours = f"{OURS}{REFUSAL} Days: {days}"
    else:
        ours = f"{OURS}{NO_FORM}: it takes every active company. {REMEDY} Days: {days}"
    kept = (note or "").partition(OURS)[0].rstrip()
    return f"{kept[: MOST_CHARACTERS - len(ours) - 2]}\n\n{ours}" if kept else ours


@hookimpl
def on_dag_run_running(dag_run: Any) -> None:
    """Write the note of a LiveDash backfill. ``dag_run`` is the scheduler's own record, which it saves afterwards."""
    if dag_run.run_type != "backfill" or not dag_run.dag_id.startswith("livedash_"):
        return
    interval = (dag_run.data_interval_start, dag_run.data_interval_end)
    sent_form = dag_run.backfill.dag_run_conf is not None
    dag_run.note = describe_backfill(interval, has_conf=bool(dag_run.conf), sent_form=sent_form, note=dag_run.note)
    if dag_run.conf and not sent_form:
        dag_run.conf = dag_run.conf | {EARLIER_FORM: True}
