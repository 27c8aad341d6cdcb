"""The migration from livedash-node: reads its database (the source), writes LiveDash's (the target)."""

from livedash_core.livedash_node_migration.migrate import migrate_livedash_node
from livedash_core.livedash_node_migration.report import Report
from livedash_core.livedash_node_migration.source_database import open_source_database

__all__ = ["Report", "migrate_livedash_node", "open_source_database"]
