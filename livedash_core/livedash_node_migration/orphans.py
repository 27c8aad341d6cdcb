"""The rows that belong to no session, so that every row of the old database is accounted for."""

from __future__ import annotations

from livedash_core.livedash_node_migration.companies import Companies
from livedash_core.livedash_node_migration.report import Report
from livedash_core.livedash_node_migration.source_database import SourceDatabase

_ORPHANS_AT_ONCE = 10_000


def count_companies(old: SourceDatabase, companies: Companies, report: Report) -> None:
    """Companies, models and which model is whose."""
    tables = report.tables
    tables["Company"].here = len(companies.here)
    tables["Company"].copied = len(companies.ids) - len(companies.here)
    tables["AIModel"].here = len(companies.known_models)
    tables["AIModel"].copied = len(companies.models) - len(companies.known_models)
    choices = tables["CompanyAIModel"]
    for row in old.rows("choices"):
        if row.company_id not in companies.ids or row.model is None:
            choices.list("its company or model does not exist", [row.id])
        elif row.place > 1:
            choices.list("it is not the default of its company: one model is asked per company", [row.id])
        elif row.company_id in companies.here:
            choices.here += 1
        else:
            choices.copied += 1


def count_orphans(old: SourceDatabase, report: Report) -> None:
    """What refers to nothing, and the questions: there one row serves all companies, here each has its own."""
    for rows in old.chunks("orphans", _ORPHANS_AT_ONCE):
        for row in rows:
            report.tables[row.table].list(row.reason, [row.id])
    questions = report.tables["Question"]
    wordless = sorted(report.wordless_questions)
    (asked,) = old.rows("asked", refused=report.refused_sessions, wordless=wordless)
    # Which of them were asked here before this run is not known: they all count as its own, if it copied any session.
    if report.tables["Session"].copied:
        questions.copied = asked.taken_over
    else:
        questions.here = asked.taken_over
    questions.list("it has no words", wordless)
    if only_refused := asked.at_all - asked.taken_over - len(wordless):
        questions.listed["only sessions that are not copied ask it"] += only_refused
