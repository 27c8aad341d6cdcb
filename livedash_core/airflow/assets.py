"""The Assets that chain the DAGs, defined once: the same URI under two names would silently switch one off."""

from __future__ import annotations

from airflow.sdk import Asset, AssetAlias

#: Stage → the Asset its DAG publishes, in the order of the pipeline. A stage's DAG waits for the one before its own.
PUBLISHED: dict[str, Asset] = {
    "CSV_IMPORT": Asset("livedash_imports"),
    "TRANSCRIPT_FETCH": Asset("livedash_transcripts"),
    "SESSION_CREATION": Asset("livedash_sessions"),
    "AI_ANALYSIS": Asset("livedash_analyses"),
    "QUESTION_EXTRACTION": Asset("livedash_questions"),
}

#: Stands for the input Assets of whichever stages turn out to have due work at the end of a run.
WAKE = AssetAlias("livedash_wake")


def awaited(stage: str) -> Asset:
    """The Asset that wakes ``stage``'s DAG. The first stage has a clock instead."""
    stages = list(PUBLISHED)
    position = stages.index(stage)
    if position == 0:
        raise ValueError(f"{stage} waits for no Asset")
    return PUBLISHED[stages[position - 1]]
