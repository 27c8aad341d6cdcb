"""Accounts for the source's rows that belong to no session."""

from __future__ import annotations

from livedash_core.livedash_node_migration.companies import Companies
from livedash_core.livedash_node_migration.report import Report
from livedash_core.livedash_node_migration.source_database import SourceDatabase

_CHUNK_SIZE = 10_000


def count_companies(source: SourceDatabase, companies: Companies, report: Report) -> None:
    """Count the companies, the models and the companies' models."""
    tables = report.tables
    tables["Company"].existing = len(companies.existing)
    tables["Company"].copied = len(companies.ids) - len(companies.existing)
    tables["AIModel"].existing = len(companies.known_models)
    tables["AIModel"].copied = len(companies.models) - len(companies.known_models)
    company_models = tables["CompanyAIModel"]
    for row in source.rows("company_models"):
        if row.company_id not in companies.ids or row.model is None:
            company_models.list("its company or model does not exist", [row.id])
        elif row.place > 1:
            company_models.list("it is not its company's default; a company has one model", [row.id])
        elif row.company_id in companies.existing:
            company_models.existing += 1
        else:
            company_models.copied += 1


def count_orphans(source: SourceDatabase, report: Report) -> None:
    """List rows whose references are missing, and count the questions, which companies share in the source only."""
    for rows in source.chunks("orphans", _CHUNK_SIZE):
        for row in rows:
            report.tables[row.table].list(row.reason, [row.id])
    questions = report.tables["Question"]
    blank = sorted(report.blank_questions)
    (counted,) = source.rows("count_questions", refused=report.refused_sessions, blank=blank)
    # Which of them an earlier run copied is not known; all count as copied if this run copied any session.
    if report.tables["Session"].copied:
        questions.copied = counted.copied
    else:
        questions.existing = counted.copied
    questions.list("it has no words", blank)
    if of_refused_sessions := counted.total - counted.copied - len(blank):
        questions.listed["only sessions that are not copied ask it"] += of_refused_sessions
