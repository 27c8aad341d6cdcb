"""Nothing is N+1: a batch of 200 takes the same statements as a batch of 20."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy import Engine, event

from livedash_core.stages.stage import create_stage
from livedash_core.status import ProcessingStatusManager
from tests.integration.records import Records
from tests.integration.stages.stage_runs import Pipeline, Scripted, complete
from tests.integration.stages.website import Site

FEW, MANY = 20, 200


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """What is executed within; refuses ``executemany``, which is a statement per row by another name."""
    seen: list[str] = []

    def note(_connection, _cursor, statement: str, _parameters, _context, executemany: bool) -> None:
        assert not executemany, statement
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def count_per_stage(pipeline: Pipeline, number: int) -> dict[str, int]:
    counted = {}
    for name in pipeline.stages.names:
        stage = create_stage(pipeline.stages.stage(name), pipeline.context)
        stage.claim_size = MANY
        with statements(pipeline.engine) as seen:
            report = pipeline.run(stage)
        assert (report.claimed, report.completed) == (number, number), name
        counted[name] = len(seen)
    return counted


def test_a_large_claim_takes_as_many_statements_as_a_small_one(site: Site, acme, pipeline: Pipeline):
    rows = site.rows(1 + FEW + MANY)
    site.publish(rows[:1])
    count_per_stage(pipeline, 1)  # only later imports look for stored ids that are written otherwise
    site.publish(rows[1 : 1 + FEW])
    few = count_per_stage(pipeline, FEW)
    site.publish(rows[1 + FEW :])
    many = count_per_stage(pipeline, MANY)

    assert many == few
    # An import shares its file among two connections, and each has its own staging table.
    assert many.pop("CSV_IMPORT") <= 41
    # SESSION_CREATION also indexes the words of its messages.
    assert many.pop("SESSION_CREATION") <= 23
    assert max(many.values()) <= 22


def test_changed_rows_take_a_fixed_number_of_statements(site: Site, acme, pipeline: Pipeline, records: Records):
    site.publish(site.rows(FEW + MANY))
    pipeline.run("CSV_IMPORT")
    counted = []
    for changed in (FEW, MANY):
        site.publish(
            site.row(f"S{position}", messages_sent=str(changed) if position <= changed else "1")
            for position in range(1, FEW + MANY + 1)
        )
        with statements(pipeline.engine) as seen:
            assert pipeline.run("CSV_IMPORT").completed == changed
        # All sessions are stored, so none is looked up in order to insert it.
        assert not any("INSERT INTO livedash.session_import" in statement for statement in seen)
        counted.append(len(seen))

    assert counted[0] == counted[1]


def test_failures_and_skips_take_one_statement_each(site: Site, acme, pipeline: Pipeline):
    def publish(first: int, number: int) -> None:
        rows = [site.row(f"S{position}") for position in range(first, first + number)]
        for position, row in enumerate(rows):
            match position % 3:
                case 0:
                    row[10] = ""
                case 1:
                    del site.answers[row[10].removeprefix(site.url)]
        site.publish(rows)
        pipeline.run("CSV_IMPORT")

    counted = []
    for first, number in ((1, FEW), (1000, MANY)):
        publish(first, number)
        stage = create_stage(pipeline.stages.stage("TRANSCRIPT_FETCH"), pipeline.context)
        stage.claim_size = MANY
        with statements(pipeline.engine) as seen:
            report = pipeline.run(stage)
        assert report.claimed == report.completed + report.skipped + report.failed == number
        assert min(report.completed, report.skipped, report.failed) >= number // 3 - 1
        counted.append(len(seen))

    assert counted[0] == counted[1]


def test_sessions_whose_rows_are_gone_fail_in_one_statement(acme, pipeline: Pipeline, records: Records):
    counted = []
    for number in (FEW, MANY):
        orphans = {uuid4(): acme for _ in range(number)}
        with records.engine.begin() as connection:
            ProcessingStatusManager(connection).initialize_sessions(orphans, completed_stages=1)
        with statements(pipeline.engine) as seen:
            assert pipeline.run(Scripted(pipeline, complete, batch=MANY)).failed == number
        counted.append(len(seen))

    assert counted[0] == counted[1]
