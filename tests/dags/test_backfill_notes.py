"""The note of a backfill's run."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from livedash_core.airflow.backfill_notes import EARLIER_FORM, MOST_CHARACTERS, NO_FORM, on_dag_run_running

INTERVAL = (datetime(2026, 3, 1, 23, tzinfo=UTC), datetime(2026, 3, 2, 23, tzinfo=UTC))
DAYS = "sessions that started on 2026-03-01 23:00Z or later and before 2026-03-02 23:00Z (UTC)."
ACME = {"company": "Acme"}


def started(
    run_type: str = "backfill", dag_id: str = "livedash_ai_analysis", sent: dict[str, Any] | None = None, **run: Any
) -> Any:
    """The run after the scheduler called the listener. ``sent`` is the form of its backfill."""
    start, end = INTERVAL
    found = SimpleNamespace(
        run_type=run_type,
        dag_id=dag_id,
        data_interval_start=start,
        data_interval_end=end,
        backfill=SimpleNamespace(dag_run_conf=sent),
        **({"conf": None, "note": None} | run),
    )
    on_dag_run_running(found)
    return found


@pytest.mark.parametrize("form", [{}, ACME])
def test_a_backfill_with_its_form_names_its_days(form: dict[str, Any]):
    run = started(conf=form, sent=form)

    assert (run.note, run.conf) == (f"LiveDash: {DAYS}", form)


def test_a_backfill_without_a_form_says_that_it_takes_every_company():
    run = started(conf={})

    assert run.note.startswith(f"LiveDash: {NO_FORM}: it takes every active company.")
    assert run.note.endswith(DAYS)
    assert run.conf == {}


def test_a_form_of_an_earlier_run_is_marked_for_the_plan():
    run = started(conf=ACME)

    assert f"{NO_FORM}, and Airflow kept the form of an earlier run" in run.note
    assert run.conf == {**ACME, EARLIER_FORM: True}
    assert ACME == {"company": "Acme"}


def test_a_note_by_a_person_is_kept_and_ours_is_replaced():
    first = started(conf=ACME, note="Asked for by Una.")
    second = started(conf=ACME, sent=ACME, note=first.note)

    assert second.note == f"Asked for by Una.\n\nLiveDash: {DAYS}"


def test_a_long_note_by_a_person_is_cut_so_that_ours_fits():
    note = started(conf=ACME, note="x" * MOST_CHARACTERS).note

    assert len(note) == MOST_CHARACTERS
    assert note.endswith(DAYS)


@pytest.mark.parametrize("other", [{"run_type": "manual"}, {"dag_id": "another_teams"}])
def test_other_runs_are_left_alone(other: dict[str, str]):
    run = started(conf=ACME, note="theirs", **other)

    assert (run.note, run.conf) == ("theirs", ACME)
