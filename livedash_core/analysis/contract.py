"""The contract of an analyzer: its request, its result and its methods."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from livedash_core.enums import (
    CATEGORIES,
    MISSING,
    SENTIMENTS,
    SESSION_OUTCOMES,
    UNDETERMINED,
    Category,
    Missing,
    Role,
    Sentiment,
    SessionOutcome,
)
from livedash_core.outcomes import Deferred
from livedash_core.parsing.questions import MAX_QUESTIONS

SUMMARY_MIN_CHARACTERS = 10
SUMMARY_MAX_CHARACTERS = 300
REASON_MAX_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the conversation, as an analyzer sees it."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """One session to analyse. ``language_hint`` is the CSV's own label, as it came (``"nl"``, ``"Dutch"``, None).

    ``input_hash`` is the digest of ``turns`` that an analysis is stored under; empty if none is stored. ``countries``
    are those whose personal numbers are masked in ``turns`` and, by the analyzer, in the result; empty: none.
    """

    session_id: UUID
    company_id: UUID
    turns: tuple[Turn, ...]
    language_hint: str | None = None
    input_hash: str = ""
    countries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """One analysis; building one with an invalid value raises ``ValueError``.

    ``language`` is ISO 639-1 or ``und``; ``summary`` 10-300 characters; ``questions`` at most five, distinct,
    none empty: in English from a model, in the user's own words from the offline rules. ``outcome`` is None if the
    analyzer does not say how a session ended, ``outcome_reason`` a sentence in English of at most 200 characters, and
    ``missing`` what an UNRESOLVED session lacked, if that is known.
    """

    language: str
    sentiment: Sentiment
    escalated: bool
    forwarded_hr: bool
    category: Category
    summary: str
    questions: tuple[str, ...] = ()
    #: Of ``questions``, ISO 639-1 or ``und``: a model translates to English, the offline rules do not.
    questions_language: str = "en"
    outcome: SessionOutcome | None = None
    outcome_reason: str = ""
    missing: Missing | None = None
    #: The analyzer, the model that answered (None if it uses none), and the version of its prompt or rules.
    analyzer: str = ""
    model: str | None = None
    prompt_version: str = ""
    #: What the analyzer normalised or dropped, for the stage's metadata (small, no transcript text).
    notes: dict[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = []
        if not (self.language == UNDETERMINED or (len(self.language) == 2 and self.language.isalpha())):
            problems.append(f"language {self.language!r}")
        if self.sentiment not in SENTIMENTS:
            problems.append(f"sentiment {self.sentiment!r}")
        if self.category not in CATEGORIES:
            problems.append(f"category {self.category!r}")
        if not SUMMARY_MIN_CHARACTERS <= len(self.summary) <= SUMMARY_MAX_CHARACTERS:
            problems.append(f"a summary of {len(self.summary)} characters")
        if len(self.questions) > MAX_QUESTIONS or len(set(self.questions)) < len(self.questions):
            problems.append(f"{len(self.questions)} questions, or some twice")
        if self.outcome not in (None, *SESSION_OUTCOMES):
            problems.append(f"outcome {self.outcome!r}")
        if self.missing is not None and (self.missing not in MISSING or self.outcome != "UNRESOLVED"):
            problems.append(f"missing {self.missing!r} with the outcome {self.outcome!r}")
        if len(self.outcome_reason) > REASON_MAX_CHARACTERS or (self.outcome_reason and self.outcome is None):
            problems.append(f"a reason of {len(self.outcome_reason)} characters for the outcome {self.outcome!r}")
        if problems:
            raise ValueError(f"not an analysis: {'; '.join(problems)}")


class Analyzer(Protocol):
    """Analyses sessions. Raises ``ProcessingError`` subclasses for what it cannot analyse.

    ``name`` is that of its ``AnalyzerDefinition``; ``prompt_version`` changes whenever the same transcript could be
    analysed differently.
    """

    name: str
    prompt_version: str

    async def analyze(self, request: AnalysisRequest) -> Analysis | Deferred:
        """Analyse one session, which has at least one user turn; ``Deferred`` when that is not possible now."""
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
