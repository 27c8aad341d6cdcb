"""Counts of analysed sessions and questions per day, kept by the transactions that write them."""

from livedash_core.insights.counting import counted_questions, counted_sessions, recount

__all__ = ["counted_questions", "counted_sessions", "recount"]
