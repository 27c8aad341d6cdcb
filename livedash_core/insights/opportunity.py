"""How many sessions of a topic or of a category a better answer of the chatbot could have resolved."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunity:
    """Sessions, those of them that ended unresolved or were handed over to a person, and their sum the period before.

    ``sessions`` is the base of ``share``; each subclass says which sessions these are.
    """

    sessions: int
    unresolved: int
    handed_over: int
    opportunity_before: int

    @property
    def opportunity(self) -> int:
        """Sessions times the share of them that was not resolved."""
        return self.unresolved + self.handed_over

    @property
    def share(self) -> float:
        """The share of the sessions that was not resolved."""
        return self.opportunity / self.sessions if self.sessions else 0.0
