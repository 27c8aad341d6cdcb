"""Creates the DAGs of the pipeline's stages, with the functions that their definitions name."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from airflow.sdk import DAG

from livedash_core.errors import ConfigurationError
from livedash_core.pipeline import BUILT_IN, StageDefinition, load_pipeline

#: Create the DAGs that belong to no stage.
BESIDE_STAGES = (
    "livedash_core.airflow.dags.alerts:alerts",
    "livedash_core.airflow.dags.retention:retention",
    "livedash_core.airflow.dags.topics:topics",
    "livedash_core.airflow.dags.topic_edit:topic_edit",
)


def load_all_dags() -> dict[str, DAG]:
    """Every LiveDash DAG by its id: the stages' and those beside them. Raises like ``load_dags``."""
    beside = {dag.dag_id: dag for dag in map(_create, BESIDE_STAGES)}
    return {**load_dags(load_pipeline().stages), **beside}


def load_added_dags() -> dict[str, DAG]:
    """The DAGs of the stages that installed packages add, by their ids. Raises like ``load_dags``."""
    return load_dags(stage for stage in load_pipeline().stages if stage not in BUILT_IN.stages)


def load_dags(stages: Iterable[StageDefinition]) -> dict[str, DAG]:
    """New DAGs for these stages, by their ids; a stage without ``dag`` has none.

    Raises ``ConfigurationError`` that names every stage whose DAG cannot be created or has another id than the pages
    link to. Airflow shows it as an import error, so that no stage is missing silently.
    """
    found: dict[str, DAG] = {}
    problems: list[str] = []
    for stage in stages:
        if stage.dag is None:
            continue
        try:
            dag = _create(stage.dag)
        except Exception as error:  # an added package may raise anything
            problems.append(f"the DAG of the stage {stage.name} cannot be created: {type(error).__name__}: {error}")
            continue
        if dag.dag_id == stage.dag_id:
            found[dag.dag_id] = dag
        else:
            problems.append(f"the DAG of the stage {stage.name} must have the id {stage.dag_id}, not {dag.dag_id}")
    if problems:
        raise ConfigurationError("; ".join(problems))
    return found


def _create(function: str) -> DAG:
    """Call ``package.module:function``. A new DAG each time: Airflow changes the params of a DAG that it tests."""
    module, _, name = function.partition(":")
    dag = getattr(import_module(module), name)()
    if not isinstance(dag, DAG):
        raise TypeError(f"{function} returns {type(dag).__name__}, not a DAG")
    return dag
