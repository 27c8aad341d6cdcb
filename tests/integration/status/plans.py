"""How PostgreSQL executes statements: which indexes it uses and how many rows it reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg
from sqlalchemy import Connection, Engine, event

Mode = Literal["custom", "generic"]


@dataclass
class Plan:
    """Reads of all statements together: rows by table, filtered ones included; index names; 8 kB pages."""

    rows: Counter[str] = field(default_factory=Counter)
    indexes: set[str] = field(default_factory=set)
    scanned_whole: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    pages: int = 0

    def add(self, node: Mapping[str, Any]) -> None:
        if "Index Name" in node:
            self.indexes.add(node["Index Name"])
        if node["Node Type"] == "ModifyTable":
            self.written.add(node["Relation Name"])
        elif "Relation Name" in node:
            removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            self.rows[node["Relation Name"]] += round((node["Actual Rows"] + removed) * node["Actual Loops"])
            if node["Node Type"] == "Seq Scan":
                self.scanned_whole.add(node["Relation Name"])
        for child in node.get("Plans", ()):
            self.add(child)


@contextmanager
def explained(target: Connection | Engine, mode: Mode) -> Iterator[Plan]:
    """Execute each statement of a connection, or of all connections of an engine, twice: with EXPLAIN and
    rolled back, then normally.

    A driver prepares repeated statements, and after five executions PostgreSQL may use a plan that does not depend on
    the parameters: ``generic`` is that plan, ``custom`` the other.
    """
    plan = Plan()

    def explain(connection: Connection, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if statement.startswith("SET "):
            return  # has no plan
        numbered = {name: f"${position}" for position, name in enumerate(parameters, 1)}
        places = ", ".join(["%s"] * len(parameters))
        # Parameters of EXECUTE are part of its text.
        with psycopg.ClientCursor(connection.connection.driver_connection) as cursor:
            cursor.execute(f"SAVEPOINT explained; SET LOCAL plan_cache_mode = force_{mode}_plan")
            cursor.execute(f"PREPARE explained AS {statement % numbered}")
            arguments = f"({places})" if parameters else ""
            cursor.execute(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE explained {arguments}",
                list(parameters.values()) or None,
            )
            found = cursor.fetchone()[0][0]["Plan"]
            plan.add(found)
            plan.pages += found["Shared Hit Blocks"] + found["Shared Read Blocks"]
            cursor.execute("ROLLBACK TO explained; DEALLOCATE explained")

    event.listen(target, "before_cursor_execute", explain)
    yield plan
    event.remove(target, "before_cursor_execute", explain)
