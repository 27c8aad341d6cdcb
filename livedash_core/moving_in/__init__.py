"""Moving in from livedash-node: its database is read, ours is written (docs/migration.md)."""

from livedash_core.moving_in.move import move_in
from livedash_core.moving_in.old_database import open_old_database
from livedash_core.moving_in.report import Report

__all__ = ["Report", "move_in", "open_old_database"]
