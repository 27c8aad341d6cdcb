"""AI_ANALYSIS: has an analyzer analyse each session's conversation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import aggregate_order_by

from livedash_core.analysis.batches import BatchAnalyzer, BatchResult
from livedash_core.analysis.contract import Analysis, AnalysisRequest, Analyzer, Turn
from livedash_core.analysis.registry import AnalyzerRegistry
from livedash_core.analysis.stored_analyses import KEY, StoredAnalysis, input_digest, store_analyses, stored_analysis_of
from livedash_core.costs.ledger_store import add_reused
from livedash_core.errors import SystemicError
from livedash_core.full_text import index_summaries
from livedash_core.insights import counted_sessions
from livedash_core.models import AiModel, Company, Message, Session, SessionAnalysis
from livedash_core.outcomes import Completed, Deferred, Outcome, Skipped
from livedash_core.stages.stage import Stage, StageContext


class Conversation(NamedTuple):
    """A session's messages, the analyzer and model to use, and the analyses that are stored already."""

    session_id: UUID
    company_id: UUID
    turns: tuple[Turn, ...]
    language_hint: str | None
    analyzer: str
    model: str | None
    #: (input hash, analyzer, model, prompt version) → result.
    known: dict[tuple[str, str, str | None, str], dict[str, Any]]
    #: Whether personal data is masked before a model sees the conversation.
    mask: bool = False
    #: The session's country and the company's time zone: whose telephone numbers and ids are masked.
    country: str | None = None
    timezone: str | None = None


class AnalysisResult(NamedTuple):
    """The analysis to store as the session's current one; None when there is nothing to analyse any more."""

    stored: StoredAnalysis | None = None
    #: The company whose stored analysis was used again instead of a call.
    reused_for: UUID | None = None


class PendingAnalysis(NamedTuple):
    """A conversation that has no stored analysis yet, and the analyzer that is to make one."""

    analyzer: Analyzer
    model: str | None
    request: AnalysisRequest
    #: What was changed in the conversation beforehand, for the stage's metadata.
    notes: dict[str, int]

    def outcome(self, analysis: Analysis | Deferred) -> Outcome[AnalysisResult]:
        """The session's outcome when the analyzer has answered."""
        if isinstance(analysis, Deferred):
            return analysis
        stored = stored_analysis_of(self.request, self.model, analysis)
        provenance = {"analyzer": analysis.analyzer, "model": analysis.model}
        return Completed(AnalysisResult(stored), {**provenance, **analysis.notes, **self.notes})


class AiAnalysis(Stage[Conversation, AnalysisResult]):
    """Many slow calls concurrently. A claim is twelve rounds of calls, so that claiming and settling hardly count."""

    name = "AI_ANALYSIS"
    divided_limits = ("analysis_concurrency",)

    def __init__(self, context: StageContext) -> None:
        super().__init__(context)
        # Three times as many sessions as calls: while some are answered, the calls of others are opened and closed,
        # many in one commit. But with a concurrency of 1, a call is closed before the next one is made.
        self.concurrency = 3 * context.settings.analysis_concurrency - 2
        self.claim_size = 12 * context.settings.analysis_concurrency
        self._analyzers = AnalyzerRegistry(context.settings, context.engine)

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> list[Conversation]:
        """Messages in order, the company's choice of analyzer, and the stored analyses."""
        turns = (
            select(
                Message.session_id,
                func.array_agg(
                    aggregate_order_by(func.json_build_array(Message.role, Message.content), Message.position)
                ).label("turns"),
            )
            .where(Message.session_id.in_(session_ids))
            .group_by(Message.session_id)
            .subquery()
        )
        analysed = (
            select(
                SessionAnalysis.session_id,
                func.array_agg(
                    func.json_build_array(
                        SessionAnalysis.input_hash,
                        SessionAnalysis.analyzer,
                        SessionAnalysis.model,
                        SessionAnalysis.prompt_version,
                        SessionAnalysis.result,
                    )
                ).label("analysed"),
            )
            .where(SessionAnalysis.session_id.in_(session_ids))
            .group_by(SessionAnalysis.session_id)
            .subquery()
        )
        default_model = select(AiModel.name).where(AiModel.is_default).scalar_subquery()
        rows = connection.execute(
            select(
                Session.id,
                Session.company_id,
                Session.language,
                Session.country,
                Company.timezone,
                Company.analyzer,
                Company.model.label("company_model"),
                Company.mask_personal_data,
                default_model.label("default_model"),
                turns.c.turns,
                analysed.c.analysed,
            )
            .join(Company, Company.id == Session.company_id)
            .join(turns, turns.c.session_id == Session.id, isouter=True)
            .join(analysed, analysed.c.session_id == Session.id, isouter=True)
            .where(Session.id.in_(session_ids))
        )
        return [
            Conversation(
                row.id,
                row.company_id,
                tuple(Turn(role, content) for role, content in row.turns or ()),
                row.language,
                self.context.analyzer or row.analyzer,
                self.context.model or row.company_model or self.context.settings.model or row.default_model,
                {(digest, name, model, version): found for digest, name, model, version, found in row.analysed or ()},
                row.mask_personal_data,
                row.country,
                row.timezone,
            )
            for row in rows
        ]

    async def handle(self, item: Conversation) -> Outcome[AnalysisResult]:
        """Analyse the conversation, unless a stored analysis can be used again."""
        found = self.find_stored(item)
        if not isinstance(found, PendingAnalysis):
            return found
        return found.outcome(await found.analyzer.analyze(found.request))

    async def handle_batch_result(
        self, item: Conversation, analyzer: BatchAnalyzer, result: BatchResult, prompt_version: str
    ) -> Outcome[AnalysisResult]:
        """Like ``handle``, with the result that a batch has for the conversation and the analyzer that sent it."""
        found = self.find_stored(item)
        if not isinstance(found, PendingAnalysis):
            return found
        return found.outcome(await analyzer.analyze_result(found.request, result, prompt_version))

    def find_stored(self, item: Conversation) -> Completed[AnalysisResult] | Skipped[AnalysisResult] | PendingAnalysis:
        """The outcome, if no analyzer is needed: the conversation is analysed already, or the user said nothing."""
        if not any(turn.role == "User" for turn in item.turns):
            return Skipped("the user said nothing" if item.turns else "there are no messages", AnalysisResult())
        analyzer, model = self._analyzers.resolve(item.analyzer, item.model, item.company_id)
        turns, notes = item.turns, dict[str, int]()
        countries: tuple[str, ...] = ()
        if item.mask and model is not None:
            turns, notes["masked"], countries = _without_personal_data(item)
        key = (input_digest(turns), analyzer.name, model, analyzer.prompt_version)
        if (known := item.known.get(key)) is not None:
            stored = StoredAnalysis(item.session_id, *key, known)
            return Completed(AnalysisResult(stored, item.company_id), {"reused": True})
        request = AnalysisRequest(item.session_id, item.company_id, turns, item.language_hint, key[0], countries)
        return PendingAnalysis(analyzer, model, request, notes)

    def batch_analyzer(self, name: str, model: str, company_id: UUID) -> BatchAnalyzer:
        """The analyzer that sends and reads batches for ``model``. Raises ``SystemicError`` if it cannot be used."""
        analyzer = self._analyzers.resolve(name, model, company_id).analyzer
        if not isinstance(analyzer, BatchAnalyzer):
            raise SystemicError(f"the analyzer {name!r} has no batch API", company_id=company_id)
        return analyzer

    def store(self, connection: Connection, results: Mapping[UUID, AnalysisResult]) -> None:
        """Store the analyses and make each the current one of its session; clear it where there is none."""
        unanalysed = [session_id for session_id, result in results.items() if result.stored is None]
        analysed = [result.stored for result in results.values() if result.stored is not None]
        store_analyses(connection, analysed)
        with counted_sessions(connection, results):
            if unanalysed:
                connection.execute(update(Session).where(Session.id.in_(unanalysed)).values(_NO_ANALYSIS))
            if analysed:
                keys = {column: [getattr(each, column) for each in analysed] for column in KEY}
                connection.execute(_MAKE_CURRENT, keys)
            index_summaries(connection, results)
        reused = [(result.reused_for, result.stored and result.stored.model) for result in results.values()]
        add_reused(connection, Counter((company, model) for company, model in reused if company and model))

    async def close(self) -> None:
        """Close the analyzers' connections."""
        await self._analyzers.close()


def _without_personal_data(item: Conversation) -> tuple[tuple[Turn, ...], int, tuple[str, ...]]:
    """The turns without personal data, the number of replacements, and the countries whose numbers were looked for."""
    # Imported here because the telephone number data takes a fifth of a second, and only models need it.
    from livedash_core.analysis.masking import mask_turns
    from livedash_core.analysis.places import countries_of
    from livedash_core.analysis.written_language import detected_language

    # The label of the import is often missing or that of the chatbot.
    written = [
        detected_language("\n".join(turn.content for turn in item.turns if turn.role == role)[:_INSPECTED_CHARACTERS])
        for role in ("User", "Assistant")
    ]
    countries = countries_of(item.country, item.timezone, item.language_hint, *written)
    return *mask_turns(item.turns, countries), countries


#: Of a conversation, to detect its language.
_INSPECTED_CHARACTERS = 4_000
#: The columns of the session that copy its analysis. ``language`` stays: it also comes from the CSV.
_NO_ANALYSIS = dict.fromkeys(
    (
        "analysis_id",
        "analyzed_at",
        "analyzer",
        "model",
        "prompt_version",
        "sentiment",
        "escalated",
        "forwarded_hr",
        "category",
        "summary",
        "outcome",
        "outcome_reason",
        "missing",
    )
)
_MAKE_CURRENT = text(
    """
    UPDATE livedash.session
    SET analysis_id = found.id, analyzed_at = now(),
        analyzer = found.analyzer, model = found.result ->> 'model', prompt_version = found.prompt_version,
        language = found.result ->> 'language', sentiment = found.result ->> 'sentiment',
        escalated = CAST(found.result ->> 'escalated' AS bool),
        forwarded_hr = CAST(found.result ->> 'forwarded_hr' AS bool),
        category = found.result ->> 'category', summary = found.result ->> 'summary',
        outcome = found.result ->> 'outcome', outcome_reason = found.result ->> 'outcome_reason',
        missing = found.result ->> 'missing'
    FROM unnest(CAST(:session_id AS uuid[]), CAST(:input_hash AS text[]), CAST(:analyzer AS text[]),
                CAST(:model AS text[]), CAST(:prompt_version AS text[]))
         AS analysed (session_id, input_hash, analyzer, model, prompt_version)
    JOIN livedash.session_analysis AS found
      ON found.session_id = analysed.session_id AND found.input_hash = analysed.input_hash
     AND found.analyzer = analysed.analyzer AND found.model IS NOT DISTINCT FROM analysed.model
     AND found.prompt_version = analysed.prompt_version
    WHERE session.id = analysed.session_id
    """
)
