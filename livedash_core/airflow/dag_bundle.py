"""A DAG bundle that loads every LiveDash DAG from the installed package (docs/install.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.local import LocalDagBundle


class LiveDashDagBundle(LocalDagBundle):
    """The package's DAG folder. ``kwargs`` are those of every bundle: name, refresh interval."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(path=str(Path(__file__).parent / "dag_folder"), **kwargs)
