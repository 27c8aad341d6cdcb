"""Erased content is gone from every table; counts, costs and other sessions stay unchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, insert, select, text, update

from livedash_core.analysis.stored_analyses import StoredAnalysis, store_analyses
from livedash_core.insights.counting import recount
from livedash_core.models import AiProcessingRequest, Company, ImportRejection, Session, SessionAnalysis, SessionImport
from livedash_core.operations.doctor import examine
from livedash_core.operations.erasure import Erased, erase_company, erase_expired, erase_session
from livedash_core.operations.sessions import describe_session
from livedash_core.parsing.csv_rows import COLUMNS
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Failure, ProcessingStatusManager, fold, read_breakdown
from livedash_core.status.failure_groups import list_failure_groups, recount_failures
from livedash_core.status.redaction import ERASED
from tests.integration.records import NOON, Records, rows_with
from tests.integration.stages.stage_runs import Pipeline, Scripted, complete
from tests.integration.stages.website import CSV, Answer, Site
from tests.integration.status.locks import waiting, waiting_transaction

FETCH = "TRANSCRIPT_FETCH"
SECRET = "Grabowski"


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture
def pipeline(engine: Engine) -> Pipeline:
    return Pipeline(engine)


@pytest.fixture
def acme(records: Records, site: Site) -> UUID:
    return records.company("Acme", csv_url=site.csv_url, allowed_networks=["127.0.0.0/8"])


def secret_row(site: Site, external_id: str, **columns: str) -> list[str]:
    """A CSV row and its transcript, with the secret in every text."""
    transcript = (
        f"User: I am {SECRET} and have {external_id} days of leave, is that right?\nAssistant: Yes, {SECRET}.\n"
    )
    return site.row(
        external_id,
        transcript,
        **{"initial_message": f"I am {SECRET}", "category": SECRET, "country_code": SECRET} | columns,
    )


def counts(engine: Engine) -> list[Any]:
    """Everything that an erasure keeps: statuses, insights, costs."""
    with engine.connect() as connection:
        costs = connection.execute(select(AiProcessingRequest.cost, AiProcessingRequest.prompt_tokens)).all()
        return [read_breakdown(connection, BUILT_IN), recount(connection), costs]


def test_erasing_leaves_no_content_in_any_table_and_keeps_all_counts(
    site: Site, pipeline: Pipeline, records: Records, engine: Engine, acme: UUID
) -> None:
    broken = secret_row(site, "S4", start_time=SECRET)
    site.publish(
        [*(secret_row(site, f"S{number}") for number in range(1, 4)), broken], also=f"{SECRET},cut off\n".encode()
    )
    site.answers["/transcripts/S3.txt"] = site.answers["/transcripts/S3.txt"]._replace(status=404)
    pipeline.run_all()
    with engine.begin() as connection:
        request = {"session_id": pipeline.session("S1"), "company_id": acme, "prompt_version": "1", "cost": "0.25"}
        connection.execute(
            insert(AiProcessingRequest).values(**request, model_requested="m", error_message=f"no {SECRET}")
        )
    before = counts(engine)
    assert {"session_import", "message", "session_transcript", "question", "import_rejection"} <= set(
        rows_with(engine, SECRET)
    )

    erased = erase_company(engine, acme, None, BUILT_IN)

    assert erased == Erased(sessions=4, messages=4, transcripts=2, questions=2, rejections=1)
    assert rows_with(engine, SECRET) == {}
    assert counts(engine) == before
    records.assert_counts_equal_rows()
    with engine.connect() as connection:
        assert {(group.stage, group.error_group, group.sessions) for group in list_failure_groups(connection)} == {
            ("CSV_IMPORT", "erased", 1),
            (FETCH, "erased", 1),
        }
        assert sum(recount_failures(connection).values()) == 2
    assert [failure.error_message for failure in records.failures(pipeline.session("S3"))] == ["erased"]
    assert erase_company(engine, acme, None, BUILT_IN) == Erased()


def test_the_next_import_ignores_erased_sessions(site: Site, pipeline: Pipeline, engine: Engine, acme: UUID) -> None:
    site.publish([secret_row(site, "S1")], also=f"{SECRET},cut off\n".encode())
    pipeline.run_all()
    erase_company(engine, acme, None, BUILT_IN)
    before = pipeline.everything(but="company_csv")
    site.asked.clear()

    # Even when the row went on meanwhile, and its line moved.
    for rows in ([secret_row(site, "S1")], [secret_row(site, "S1", messages_sent="9")]):
        site.publish(rows, also=f"\n{SECRET},cut off\n".encode())
        assert {report.claimed for report in pipeline.run_all().values()} == {0}
    assert set(site.asked) == {"/sessions.csv"}
    assert pipeline.everything(but="company_csv") == before


def test_one_session_is_erased_and_the_questions_of_others_stay(
    site: Site, pipeline: Pipeline, engine: Engine, acme: UUID
) -> None:
    site.publish([site.row("S1"), site.row("S2"), secret_row(site, "S3")])
    pipeline.run_all()
    kept = pipeline.rows_of(pipeline.session("S2"))

    assert erase_session(engine, pipeline.session("S1"), BUILT_IN).questions == 0
    assert erase_session(engine, pipeline.session("S3"), BUILT_IN).questions == 1
    assert pipeline.rows_of(pipeline.session("S2")) == kept
    assert sorted(pipeline.query("SELECT content, sessions FROM livedash.question")) == [
        ("How many days of leave do I have left?", 2),
        ("erased", 1),
    ]
    with engine.connect() as connection:
        shown = describe_session(connection, pipeline.session("S1"), BUILT_IN)
    assert shown["session"]["erased_at"] is not None
    assert shown["messages"] == []
    assert {stage["status"] for stage in shown["stages"]} == {"COMPLETED"}


@pytest.mark.parametrize("erasure", ["session", "company", "retention"])
def test_a_question_of_an_earlier_analysis_is_erased(
    site: Site, pipeline: Pipeline, engine: Engine, acme: UUID, erasure: str
) -> None:
    site.publish([secret_row(site, "S1"), secret_row(site, "S2")])
    pipeline.run_all()
    site.answers["/transcripts/S1.txt"] = Answer("User: How many days of leave do I have?\nAssistant: Nine.\n")
    with engine.begin() as connection:
        ProcessingStatusManager(connection).reopen(FETCH, [pipeline.session("S1")])
    pipeline.run_all()
    secret = f"SELECT sessions FROM livedash.question WHERE strpos(content, '{SECRET}') > 0 ORDER BY sessions"
    assert pipeline.query(secret) == [(0,), (1,)]

    if erasure == "session":
        assert erase_session(engine, pipeline.session("S1"), BUILT_IN).questions == 2
    elif erasure == "company":
        assert erase_company(engine, acme, None, BUILT_IN).questions == 3
    else:
        erase_expired(engine, BUILT_IN)

    assert pipeline.query(secret) == ([] if erasure == "company" else [(1,)])


def test_stage_metadata_and_skip_reasons_are_erased(records: Records, engine: Engine, company_id: UUID) -> None:
    (session_id,) = records.sessions(company_id, 1, completed_stages=3)
    analysis, extraction = BUILT_IN.names[3:]
    with engine.begin() as connection:
        manager = ProcessingStatusManager(connection)
        label = {"language_label": SECRET}
        manager.complete_stage(session_id, analysis, manager.start_stage(session_id, analysis), label)
        manager.skip_stage(session_id, extraction, manager.start_stage(session_id, extraction), SECRET)

    erase_session(engine, session_id, BUILT_IN)

    assert rows_with(engine, SECRET) == {}
    assert records.row(session_id, analysis).metadata is None
    assert records.row(session_id, extraction).metadata == {"reason": "erased"}
    records.assert_stage(session_id, analysis, "COMPLETED")
    records.assert_stage(session_id, extraction, "SKIPPED")
    records.assert_counts_equal_rows()


@pytest.mark.parametrize(
    ("verb", "status", "metadata"),
    [
        ("claim", "PENDING", None),
        ("complete", "COMPLETED", None),
        ("skip", "SKIPPED", {"reason": ERASED}),
        ("fail", "FAILED", None),
        ("fail for now", "PENDING", None),
    ],
)
def test_what_a_stage_stores_while_the_erasure_waits_for_it_is_erased(
    records: Records, company_id: UUID, engine: Engine, verb: str, status: str, metadata: dict[str, str] | None
) -> None:
    (session_id,) = records.sessions(company_id, 1)
    with engine.connect() as other:
        holder = ProcessingStatusManager(other)
        token = holder.start_stage(session_id, FETCH)
        if verb == "claim":
            holder.release(token)
        other.commit()
        verbs: dict[str, Callable[[], object]] = {
            "claim": lambda: holder.start_stage(session_id, FETCH),
            "complete": lambda: holder.complete_stage(session_id, FETCH, token, {"label": SECRET}),
            "skip": lambda: holder.skip_stage(session_id, FETCH, token, SECRET),
            "fail": lambda: holder.fail(FETCH, token, [Failure(session_id, "permanent", SECRET)]),
            "fail for now": lambda: holder.fail(FETCH, token, [Failure(session_id, "transient", SECRET)]),
        }
        verbs[verb]()
        with waiting(engine, lambda manager: manager.erase([session_id])) as erased:
            other.commit()
        erased.result()
    for _ in range(2):
        with engine.begin() as connection:
            fold(connection)

    assert rows_with(engine, SECRET) == {}
    assert records.row(session_id, FETCH).metadata == metadata
    assert records.row(session_id, FETCH).attempts == (0 if verb == "claim" else 1)
    records.assert_stage(session_id, FETCH, status)
    records.assert_counts_equal_rows()


def test_rejected_lines_of_the_session_are_erased_and_others_stay(
    site: Site, pipeline: Pipeline, records: Records, engine: Engine, acme: UUID
) -> None:
    own = f"S1,cut,{SECRET}", f' "S1" ,cut,{SECRET}', f"S1;cut;{SECRET},"
    others = "S12,cut", "S2,S1,cut", "cut,S1"
    site.publish([site.row("S1"), site.row("S2")], also="".join(f"{line}\n" for line in own + others).encode())
    pipeline.run("CSV_IMPORT")
    line = {"line_number": 1, "raw_text": "S1,cut", "digest": "of it", "reason": "was cut"}
    with engine.begin() as connection:
        connection.execute(insert(ImportRejection).values(company_id=records.company("Other"), **line))
    raw_texts = "SELECT raw_text FROM livedash.import_rejection ORDER BY id"
    assert pipeline.query(raw_texts) == [(line,) for line in (*own, *others, "S1,cut")]

    assert erase_session(engine, pipeline.session("S1"), BUILT_IN).rejections == 3

    assert pipeline.query(raw_texts) == [(line,) for line in ("", "", "", *others, "S1,cut")]
    assert rows_with(engine, SECRET) == {}


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_rejected_line_is_found_by_the_column_that_the_header_calls_the_id(
    site: Site, pipeline: Pipeline, engine: Engine, acme: UUID, delimiter: str
) -> None:
    order = [*range(1, len(COLUMNS)), 0]  # the id last
    rows = [list(COLUMNS), *(site.row(name) for name in ("S1", "S2", "S1", "S2"))]
    rows[4][-1] = "S1"
    lines = [delimiter.join(row[place] for place in order) for row in rows]
    lines[3:] = [f"{line}{delimiter}{SECRET}" for line in lines[3:]]  # a cell too many
    site.answers[CSV] = Answer("\n".join(lines))
    pipeline.run("CSV_IMPORT")
    ids = "SELECT external_session_id, raw_text = '' FROM livedash.import_rejection ORDER BY line_number"
    assert pipeline.query(ids) == [("S1", False), ("S2", False)]

    erase_session(engine, pipeline.session("S1"), BUILT_IN)

    assert pipeline.query(ids) == [("S1", True), ("S2", False)]


def test_a_stage_that_holds_an_erased_session_stores_nothing_of_it(
    pipeline: Pipeline, records: Records, engine: Engine, company_id: UUID
) -> None:
    erased, other = records.sessions(company_id, 2)

    async def handle(item: Any) -> Any:
        if item.session_id == erased:
            erase_session(engine, erased, BUILT_IN)
        return await complete(item)

    report = pipeline.run(Scripted(pipeline, handle))

    assert pipeline.query("SELECT session_id FROM livedash.session_transcript") == [(other,)]
    # Taken from its holder, claimed again, and found to be empty.
    assert (report.claimed, report.completed, report.skipped) == (3, 1, 1)
    records.assert_counts_equal_rows()


def test_an_analysis_that_arrives_during_the_erasure_waits_and_is_not_stored(
    records: Records, engine: Engine, company_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id, other = records.sessions(company_id, 2, completed_stages=3)
    times = {"company_id": company_id, "started_at": NOON, "ended_at": NOON}
    with engine.begin() as connection:
        connection.execute(insert(Session), [{"id": each, **times} for each in (session_id, other)])
    stored_analyses = [StoredAnalysis(each, "of its words", "openai", "small", "1", {}) for each in (other, session_id)]
    with ExitStack() as stack:
        answers: list[Future[None]] = []

        def answer(*_: Any) -> int:
            storing = waiting_transaction(engine, lambda connection: store_analyses(connection, stored_analyses))
            answers.append(stack.enter_context(storing))
            return 0

        # The erasure has begun, and has not come to the analyses yet.
        monkeypatch.setattr("livedash_core.operations.erasure._erase_questions", answer)
        erase_session(engine, session_id, BUILT_IN)
        answers[0].result()
    with engine.connect() as connection:
        assert connection.scalars(select(SessionAnalysis.session_id)).all() == [other]


@pytest.mark.parametrize("stage", BUILT_IN.names[:3])
def test_an_erased_session_that_is_due_or_retried_is_skipped(
    pipeline: Pipeline, records: Records, engine: Engine, company_id: UUID, stage: str
) -> None:
    position = BUILT_IN.names.index(stage)
    due, failed = records.sessions(company_id, 2, completed_stages=position)
    with engine.begin() as connection:
        manager = ProcessingStatusManager(connection)
        manager.fail_stage(failed, stage, manager.start_stage(failed, stage), SECRET)
    for session in (due, failed):
        erase_session(engine, session, BUILT_IN)
    records.assert_stage(due, stage, "PENDING")
    assert (records.row(failed, stage).status, records.row(failed, stage).error_message) == ("FAILED", "erased")
    with engine.begin() as connection:
        ProcessingStatusManager(connection).reset_stage_for_retry(failed, stage)

    report = pipeline.run(stage)

    assert (report.claimed, report.skipped, report.failed) == (2, 2, 0)
    assert {records.row(session, stage).metadata["reason"] for session in (due, failed)} == {"its content was erased"}
    pipeline.run_all()
    records.assert_stage(due, BUILT_IN.names[-1], "SKIPPED")
    records.assert_counts_equal_rows()


def test_age_counts_from_the_start_or_if_unknown_from_the_import(
    records: Records, engine: Engine, company_id: UUID
) -> None:
    old, edge, new = (
        records.sessions(company_id, 1, started_at=NOON - timedelta(days=days))[0] for days in (31, 30, 29)
    )
    (unknown,) = records.sessions(company_id, 1, started_at=None)
    (others,) = records.sessions(records.company("Other"), 1, started_at=NOON - timedelta(days=400))

    assert erase_company(engine, company_id, NOON - timedelta(days=30), BUILT_IN).sessions == 1

    with engine.connect() as connection:
        kept = set(connection.scalars(select(SessionImport.id).where(SessionImport.erased_at.is_(None))))
    assert kept == {edge, new, unknown, others}
    assert erase_company(engine, company_id, NOON + timedelta(days=36_500), BUILT_IN).sessions == 3
    assert old not in kept


def test_the_retention_of_each_company_applies_whatever_its_status(records: Records, engine: Engine) -> None:
    month = records.company("Month", retention_days=30, status="ARCHIVED")
    forever = records.company("Forever")
    for company in (month, forever):
        records.sessions(company, 2, started_at=NOON - timedelta(days=31))
        records.sessions(company, 1, started_at=NOON - timedelta(days=29))

    assert {name: erased.sessions for name, erased in erase_expired(engine, BUILT_IN, NOON).items()} == {"Month": 2}
    assert {name: erased.sessions for name, erased in erase_expired(engine, BUILT_IN, NOON).items()} == {"Month": 0}


def test_a_session_dated_in_the_future_expires_by_its_import(
    connection: Connection, records: Records, engine: Engine
) -> None:
    company = records.company("Acme", csv_url="https://acme.example/x.csv", retention_days=30)
    today = connection.scalar(text("SELECT now()"))
    assert today is not None
    old, new = records.sessions(company, 2, started_at=today + timedelta(days=36_500))
    (unknown,) = records.sessions(company, 1, started_at=None)
    imported = update(SessionImport).where(SessionImport.id.in_([old, unknown]))
    with engine.begin() as earlier:
        earlier.execute(imported.values(imported_at=today - timedelta(days=33)))
    (found,) = examine(connection, BUILT_IN)
    assert found.message.startswith("Acme has 2 sessions older than its retention")

    # By hand it goes by the start, where there is one.
    assert erase_company(engine, company, today - timedelta(days=1), BUILT_IN).sessions == 1
    assert {name: erased.sessions for name, erased in erase_expired(engine, BUILT_IN).items()} == {"Acme": 1}
    assert examine(connection, BUILT_IN) == []
    with engine.connect() as after:
        assert after.scalars(select(SessionImport.id).where(SessionImport.erased_at.is_(None))).all() == [new]


def test_more_sessions_than_a_chunk_are_erased(
    records: Records, engine: Engine, company_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("livedash_core.operations.erasure.CHUNK_SESSIONS", 2)
    records.sessions(company_id, 5)
    assert erase_company(engine, company_id, None, BUILT_IN).sessions == 5


def test_doctor_finds_sessions_beyond_their_retention(connection: Connection, records: Records, engine: Engine) -> None:
    company = records.company("Acme & Sons", csv_url="https://acme.example/x.csv", retention_days=30)
    with engine.connect() as now:
        today = now.scalar(text("SELECT now()"))
    records.sessions(company, 2, started_at=today - timedelta(days=33))
    records.sessions(company, 1, started_at=today - timedelta(days=31))
    (found,) = examine(connection, BUILT_IN)
    assert found.check == "retention"
    assert found.message.startswith("Acme & Sons has 2 sessions older than its retention")
    assert "livedash erase --company 'Acme & Sons' --before DATE" in found.message
    erase_expired(engine, BUILT_IN)
    assert examine(connection, BUILT_IN) == []
    assert connection.scalar(select(Company.retention_days)) == 30
