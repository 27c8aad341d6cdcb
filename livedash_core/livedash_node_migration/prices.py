"""Migrates the prices of models that the price catalogue does not have."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from livedash_core.bulk_insert import upsert
from livedash_core.costs.pricing import PER_TOKENS, STANDARD, family_of
from livedash_core.livedash_node_migration.report import TableReport
from livedash_core.livedash_node_migration.source_database import SourceDatabase
from livedash_core.models import AiModelPricing

SOURCE = "livedash-node"
_KEY = ("model", "tier", "valid_from", "by_hand", "from_prompt_tokens")


def copy_prices(source: SourceDatabase, connection: Connection, report: TableReport) -> None:
    """Copy prices that the catalogue does not have, as set by hand. The source has no prices of cached tokens."""
    catalogue = set(connection.scalars(select(AiModelPricing.model).where(~AiModelPricing.by_hand)))
    by_hand = select(AiModelPricing.model, AiModelPricing.valid_from).where(AiModelPricing.by_hand)
    known = {(row.model, row.valid_from) for row in connection.execute(by_hand)}
    new: dict[tuple[str, datetime], dict[str, Any]] = {}
    for row in source.rows("prices"):
        if row.model is None:
            report.list("its model does not exist", [row.id])
        elif {row.model, family_of(row.model)} & catalogue:
            report.list("the price catalogue has its model", [row.id])
        elif (row.model, row.valid_from) in known:
            report.existing += 1
        elif (row.model, row.valid_from) in new:
            report.list("another price of its model is valid from the same time", [row.id])
        else:
            report.copied += 1
            new[row.model, row.valid_from] = {
                "model": row.model,
                "tier": STANDARD,
                "valid_from": row.valid_from,
                "by_hand": True,
                "from_prompt_tokens": 0,
                "input": row.prompt * PER_TOKENS,
                "cached_input": row.prompt * PER_TOKENS,
                "cache_write": row.prompt * PER_TOKENS,
                "output": row.completion * PER_TOKENS,
                "source": SOURCE,
            }
    upsert(connection, AiModelPricing, list(new.values()), key=_KEY)
