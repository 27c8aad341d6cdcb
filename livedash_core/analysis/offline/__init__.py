"""The offline analyzer: rules and word lists, for trying the product without a key."""

from __future__ import annotations

from livedash_core.analysis.offline.analyzer import OfflineAnalyzer

__all__ = ["OfflineAnalyzer", "create_analyzer"]


def create_analyzer(_context: object) -> OfflineAnalyzer:
    """The offline rules, which need nothing of the context."""
    return OfflineAnalyzer()
