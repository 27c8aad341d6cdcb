"""Prints what the grouping of new questions did."""

from __future__ import annotations

from livedash_core.cli.output import complain, say
from livedash_core.operations.topics import Grouped


def print_grouped(done: dict[str, Grouped]) -> None:
    """Print what a pass did for each company that had something new, and why a model was not asked."""
    for name, grouped in done.items():
        if grouped.questions or grouped.merged or grouped.named:
            say(
                f"{name}: {grouped.questions:,} new questions grouped, {grouped.follow_ups:,} of them kept out as "
                f"follow-ups; {grouped.merged:,} topics merged and {grouped.named:,} named by the model"
            )
        if reason := grouped.error or grouped.waits:
            complain(f"{name}: {reason}", style="red" if grouped.error else "yellow")
