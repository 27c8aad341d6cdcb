"""The rules, as data: each is a name, a title and a pure function from facts to what it found.

A fault should be found by one rule. Where an incident explains why sessions wait, ``backlog`` and ``idle`` stay silent;
where a DAG is paused, ``idle`` does; a budget that is used up is the budget's alert and no stopped stage. A fact
without a company names none, because users who may see any company see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from livedash_core.alerts import spending
from livedash_core.alerts.facts import MOST_FAILED, WINDOW, Due, Facts
from livedash_core.alerts.found import Found, command, dag_page, page, utc
from livedash_core.pipeline import Pipeline
from livedash_core.settings import Settings
from livedash_core.words import count_of

#: The stages that read a company's source.
SOURCE_STAGES = ("CSV_IMPORT", "TRANSCRIPT_FETCH")
RETENTION_DAG = "livedash_retention"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule; ``title`` begins the subject of its messages."""

    name: str
    title: str
    find: Callable[[Facts, Pipeline, Settings], Iterable[Found]]


def _sources(facts: Facts, _pipeline: Pipeline, _settings: Settings) -> Iterator[Found]:
    """One fact per company: a server that is down stops its import and its transcripts."""
    stopped: dict[str, Found] = {}
    companies = facts.by_name
    for one in facts.incidents:
        company = companies.get(one.company)
        if one.kind != "systemic" or one.stage not in SOURCE_STAGES or company is None or one.company in stopped:
            continue
        stopped[company.name] = Found(
            "source",
            company=company,
            stage=one.stage,
            key_stage=None,
            since=one.first_seen_at,
            message=f"The source of {company.name} cannot be read: {one.message}",
            advice="Correct the address, the login or the server; the next run, at most 15 minutes later, ends this.",
            page=page("", company=company.id),
            command="livedash doctor",
        )
    yield from stopped.values()


def _stopped_stages(facts: Facts, _pipeline: Pipeline, _settings: Settings) -> Iterator[Found]:
    companies = facts.by_name
    for one in facts.incidents:
        if one.kind != "systemic" or (one.company is not None and one.stage in SOURCE_STAGES):
            continue
        company = companies.get(one.company)
        whose = f" for {one.company}" if one.company else ""
        yield Found(
            "stopped",
            company=company,
            stage=one.stage,
            since=one.first_seen_at,
            message=f"{one.stage} is stopped{whose}: {one.message}",
            advice="Correct what the sentence names; no session lost an attempt, and the next run continues.",
            page=page("", company=company.id if company else None),
            command="livedash doctor",
        )


def _unexplained(facts: Facts, stage: str) -> list[Due]:
    """The oldest due sessions of a stage, the oldest first, without those whose wait an incident explains."""
    # A server that reads conversations in part makes none of them wait.
    stopped = {one.company for one in facts.incidents if one.stage == stage and one.kind != "partial"}
    if None in stopped:  # for every company
        return []
    return [one for one in facts.due if one.stage == stage and facts.companies[one.company_id].name not in stopped]


def _paused(facts: Facts, pipeline: Pipeline, _settings: Settings) -> Iterator[Found]:
    """Only a DAG that has something to do: a paused DAG of an empty installation is no fact."""
    for stage in pipeline.stages:
        reason = facts.stopped_dags.get(stage.dag_id)
        if reason is None:
            continue
        due = _unexplained(facts, stage.name)
        reads_csv = stage.name == pipeline.first and any(
            one.is_active and one.has_csv for one in facts.companies.values()
        )
        if due or reads_csv:
            waits = f"sessions are due there since {utc(due[0].since)}" if due else "no CSV is imported"
            yield _stopped_dag(stage.dag_id, reason, stage.name, f"{waits}.", due[0].since if due else facts.now)
    reason = facts.stopped_dags.get(RETENTION_DAG)
    if reason is not None and any(one.retention_days is not None for one in facts.companies.values()):
        yield _stopped_dag(RETENTION_DAG, reason, None, "no session is erased at the end of its retention.", facts.now)


def _stopped_dag(dag_id: str, reason: str, stage: str | None, effect: str, since: datetime) -> Found:
    return Found(
        "paused",
        company=None,
        stage=stage,
        detail=dag_id,
        since=since,
        message=f"The DAG {dag_id} {reason}: {effect}",
        advice="Unpause the DAG in Airflow; if it is not listed there, look at the import errors.",
        page=dag_page(dag_id),
        command="livedash status",
    )


def _idle(facts: Facts, pipeline: Pipeline, settings: Settings) -> Iterator[Found]:
    for stage in pipeline.stages:
        due = _unexplained(facts, stage.name)
        if not due or stage.name in facts.working or stage.dag_id in facts.stopped_dags:
            continue
        if _minutes(facts, due[0].since) < settings.alert_idle_minutes:
            continue
        yield Found(
            "idle",
            company=None,
            stage=stage.name,
            since=due[0].since,
            message=f"{stage.name} has claimed nothing for {settings.alert_idle_minutes:g} minutes, although sessions "
            f"are due since {utc(due[0].since)}.",
            advice=f"Its DAG {stage.dag_id} may be paused or fail, or the scheduler or the workers are down.",
            page=dag_page(stage.dag_id),
            command="livedash status",
        )


def _backlog(facts: Facts, pipeline: Pipeline, settings: Settings) -> Iterator[Found]:
    for stage in pipeline.stages:
        due = _unexplained(facts, stage.name)
        if not due or stage.name not in facts.working or stage.dag_id in facts.stopped_dags:
            continue
        if _minutes(facts, due[0].since) < settings.alert_due_minutes:
            continue
        yield Found(
            "backlog",
            company=None,
            stage=stage.name,
            since=due[0].since,
            message=f"{stage.name} works, but its oldest due session waits since "
            f"{utc(due[0].since)}, longer than {settings.alert_due_minutes:g} minutes.",
            advice="More arrives than the stage processes: more lanes (LIVEDASH_LANES), or a faster server or model.",
            page=page("sessions", stage=stage.name, state="ready"),
            command="livedash status",
        )


def _failures(facts: Facts, _pipeline: Pipeline, settings: Settings) -> Iterator[Found]:
    for one in facts.failed:
        percent = 100 * one.failed / (one.failed + one.finished)
        is_capped = one.failed >= MOST_FAILED
        if percent < settings.alert_failure_percent and not is_capped:
            continue
        company = facts.companies[one.company_id]
        share = f"at least {MOST_FAILED:,} sessions" if is_capped else f"{one.failed:,} sessions, {percent:.0f}%,"
        yield Found(
            "failures",
            company=company,
            stage=one.stage,
            since=one.since,
            message=f"{share} of {company.name} failed in {one.stage} within {WINDOW.seconds // 60} minutes.",
            advice="Look at the reasons; correct the cause, then retry the sessions.",
            page=page("failures", company=company.id, stage=one.stage),
            command=command("livedash failures --stage", one.stage, "--company", company.name),
        )


def _batches(facts: Facts, _pipeline: Pipeline, settings: Settings) -> Iterator[Found]:
    for one in facts.batches:
        company = facts.companies[one.company_id]
        state = f"; the provider says {one.remote_status}" if one.remote_status else ""
        yield Found(
            "batch",
            company=company,
            stage="AI_ANALYSIS",
            detail=str(one.id),
            since=one.created_at,
            message=f"A batch of {count_of(one.requests, 'session')} of {company.name}, prepared "
            f"{utc(one.created_at)}, is open for more than {settings.alert_batch_hours:g} hours{state}.",
            advice="Check that the triggerer runs. Cancel the batch at the provider, or wait: it is given up after a "
            "week.",
            page=page("sessions", company=company.id, stage="AI_ANALYSIS", state="in-progress"),
            command="livedash doctor",
        )


def _lost_workers(facts: Facts, _pipeline: Pipeline, settings: Settings) -> Iterator[Found]:
    for one in facts.lost:
        if one.workers < settings.alert_lost_workers:
            continue
        yield Found(
            "workers",
            company=None,
            stage=one.stage,
            since=one.since,
            message=f"{count_of(one.workers, 'worker')} of {one.stage} stopped within {WINDOW.seconds // 60} minutes "
            "without settling their claims.",
            advice="A lane that is killed again and again mostly lacks memory: look at the log of the last lane and at "
            "the machine. The sessions are claimed again.",
            page=page("sessions", stage=one.stage, state="in-progress"),
            command="livedash doctor",
        )


def _retention(facts: Facts, _pipeline: Pipeline, _settings: Settings) -> Iterator[Found]:
    for one in facts.overdue:
        company = facts.companies[one.company_id]
        if RETENTION_DAG in facts.stopped_dags:
            continue
        yield Found(
            "retention",
            company=company,
            stage=None,
            since=facts.now,
            message=f"{company.name} keeps sessions for {count_of(company.retention_days or 0, 'day')}, and has older "
            f"ones that are not erased, back to {one.since:%Y-%m-%d}.",
            advice=f"Let the DAG {RETENTION_DAG} run daily, or erase them: livedash erase --company … --before DATE.",
            page=dag_page(RETENTION_DAG),
            command="livedash doctor",
        )


def _minutes(facts: Facts, since: datetime) -> float:
    return (facts.now - since).total_seconds() / 60


RULES = (
    Rule("source", "a source cannot be read", _sources),
    Rule("stopped", "a stage is stopped", _stopped_stages),
    Rule("paused", "a DAG does not run", _paused),
    Rule("idle", "a stage does nothing", _idle),
    Rule("backlog", "sessions wait too long", _backlog),
    Rule("failures", "many sessions fail", _failures),
    Rule("budget", "a budget is being used up", spending.budgets),
    Rule("spending", "a day costs far more than usual", spending.expensive_days),
    Rule("batch", "a batch does not come back", _batches),
    Rule("workers", "workers die repeatedly", _lost_workers),
    Rule("retention", "old sessions are not erased", _retention),
)
TITLES = {rule.name: rule.title for rule in RULES}


def find(facts: Facts, pipeline: Pipeline, settings: Settings) -> list[Found]:
    """Apply all rules; each fact has another key."""
    return [found for rule in RULES for found in rule.find(facts, pipeline, settings)]
