"""The Assets that chain the DAGs, derived from the pipeline. Each is created once: Airflow silently deactivates an
Asset that has the URI of another.
"""

from __future__ import annotations

from functools import cache

from airflow.sdk import Asset, AssetAlias

from livedash_core.pipeline import load_pipeline

#: Resolves, at the end of a run, to the input Assets of the stages that have due sessions.
WAKE = AssetAlias("livedash_wake")


@cache
def published(stage: str) -> Asset:
    """The Asset that the stage's DAG publishes; the next stage's DAG waits for it. Raises ``UnknownStage``."""
    return Asset(load_pipeline().stage(stage).asset)


def awaited(stage: str) -> Asset:
    """The Asset that the stage's DAG waits for: the one of the stage before it.

    Raises ``UnknownStage``, and ``ValueError`` for the first stage, which only has a schedule.
    """
    previous = load_pipeline().previous(stage)
    if previous is None:
        raise ValueError(f"{stage} waits for no Asset")
    return published(previous)
