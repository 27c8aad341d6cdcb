"""What the pipeline is for, in numbers: sessions and questions per day, counted where they are written."""

from livedash_core.insights.counting import counted_questions, counted_sessions, recount

__all__ = ["counted_questions", "counted_sessions", "recount"]
