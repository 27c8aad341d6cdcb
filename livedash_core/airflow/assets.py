"""The Assets that chain the DAGs, derived from the pipeline. Each is made once: the same URI under two names would
silently switch one off.
"""

from __future__ import annotations

from functools import cache

from airflow.sdk import Asset, AssetAlias

from livedash_core.pipeline import load_pipeline

#: Stands for the input Assets of the stages that turn out to have due work at the end of a run.
WAKE = AssetAlias("livedash_wake")


@cache
def published(stage: str) -> Asset:
    """The Asset that the stage's DAG publishes; the next stage's DAG waits for it. Raises ``UnknownStage``."""
    return Asset(load_pipeline().stage(stage).asset)


def awaited(stage: str) -> Asset:
    """The Asset that wakes the stage's DAG. Raises ``UnknownStage``, ``ValueError`` for the first: it has a clock."""
    previous = load_pipeline().previous(stage)
    if previous is None:
        raise ValueError(f"{stage} waits for no Asset")
    return published(previous)
