"""Closed sets are written once, in ``livedash_core.enums``; the tables and everything else derive from them."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from sqlalchemy import CheckConstraint

import livedash_core
from livedash_core import enums
from livedash_core.models import Base

TYPES = {name: get_args(value) for name, value in vars(enums).items() if get_origin(value) is Literal}
TUPLES = {name: value for name, value in vars(enums).items() if isinstance(value, tuple)}
COLUMNS = {
    ("company", "status"): "CompanyStatus",
    ("company", "mode"): "Mode",
    ("session", "sentiment"): "Sentiment",
    ("session", "category"): "Category",
    ("session", "outcome"): "SessionOutcome",
    ("session", "missing"): "Missing",
    ("message", "role"): "Role",
    ("session_processing_status", "status"): "Status",
    ("session_processing_status", "error_kind"): "ErrorKind",
    ("session_processing_failure", "error_kind"): "ErrorKind",
    ("systemic_incident", "kind"): "IncidentKind",
    ("ai_processing_request", "outcome"): "CallOutcome",
    ("ai_processing_request", "mode"): "Mode",
    ("ai_batch", "status"): "BatchStatus",
}
PACKAGE = Path(livedash_core.__file__).parent
#: A migration keeps the values of its day.
SOURCES = [
    path
    for path in PACKAGE.rglob("*.py")
    if path.name != "enums.py" and "migrations" not in path.relative_to(PACKAGE).parts
]


def test_every_tuple_holds_the_values_of_one_type() -> None:
    assert TUPLES
    assert all(values in TYPES.values() for values in TUPLES.values())


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_column_of_a_closed_set_has_its_values_as_check(table: str, column: str) -> None:
    checks = [
        str(constraint.sqltext)
        for constraint in Base.metadata.tables[f"livedash.{table}"].constraints
        if isinstance(constraint, CheckConstraint) and str(constraint.sqltext).startswith(f"{column} IN (")
    ]
    assert [tuple(re.findall(r"'([^']*)'", check)) for check in checks] == [TYPES[COLUMNS[table, column]]]


def test_no_module_lists_a_closed_set_a_second_time() -> None:
    sets = {frozenset(values): name for name, values in TYPES.items()}
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} lists {sets[values]}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Tuple | ast.List | ast.Set)
        and all(isinstance(element, ast.Constant) for element in node.elts)
        and (values := frozenset(e.value for e in node.elts if isinstance(e, ast.Constant)) - {None}) in sets
    ]
    assert found == []
