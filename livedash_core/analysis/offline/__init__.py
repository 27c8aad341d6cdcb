"""The offline analyzer: rules and word lists, for trying the product without a key (DESIGN, "The offline analyzer")."""

from livedash_core.analysis.offline.analyzer import OfflineAnalyzer

__all__ = ["OfflineAnalyzer"]
