"""Loads the DAGs of the pipeline's stages from the modules that define them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from airflow.sdk import DAG

from livedash_core.errors import ConfigurationError
from livedash_core.pipeline import BUILT_IN, StageDefinition, load_pipeline

#: Defines the DAG that belongs to no stage.
RETENTION_MODULE = "livedash_core.airflow.dags.retention"


def load_all_dags() -> dict[str, DAG]:
    """Every LiveDash DAG by its id: the stages' and the erasure's. Raises like ``load_dags``."""
    return load_dags(load_pipeline().stages) | _dags_in(RETENTION_MODULE)


def load_added_dags() -> dict[str, DAG]:
    """The DAGs of the stages that installed packages add, by their ids. Raises like ``load_dags``."""
    return load_dags(stage for stage in load_pipeline().stages if stage not in BUILT_IN.stages)


def load_dags(stages: Iterable[StageDefinition]) -> dict[str, DAG]:
    """The DAGs in the ``dag_module`` of each stage, by their ids; a stage without such a module has none.

    Raises ``ConfigurationError`` that names every stage whose module cannot be imported or lacks the stage's DAG:
    Airflow shows it as an import error, and no stage is missing silently.
    """
    found: dict[str, DAG] = {}
    problems: list[str] = []
    causes: list[Exception] = []
    for stage in stages:
        if stage.dag_module is None:
            continue
        try:
            dags = _dags_in(stage.dag_module)
        except Exception as error:  # an added package may raise anything
            problems.append(f"the DAG of the stage {stage.name} cannot be loaded: {type(error).__name__}: {error}")
            causes.append(error)
            continue
        if stage.dag_id not in dags:
            problems.append(f"{stage.dag_module} defines no DAG {stage.dag_id} for the stage {stage.name}")
        found |= dags
    if problems:
        raise ConfigurationError("; ".join(problems)) from (causes[0] if causes else None)
    return found


def _dags_in(module: str) -> dict[str, DAG]:
    """The DAGs that the module assigns to a name."""
    return {value.dag_id: value for value in vars(import_module(module)).values() if isinstance(value, DAG)}
