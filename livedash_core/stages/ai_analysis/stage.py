"""AI_ANALYSIS: from the conversation to its analysis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import aggregate_order_by

from livedash_core.analysis.contract import AnalysisRequest, Analyzer, BatchReply, Turn
from livedash_core.analysis.registry import AnalyzerRegistry
from livedash_core.analysis.stored_analyses import KEY, StoredAnalysis, input_digest, store_analyses, stored_analysis_of
from livedash_core.costs.ledger_store import add_reused
from livedash_core.insights import counted_sessions
from livedash_core.models import AiModel, Company, Message, Session, SessionAnalysis
from livedash_core.stages.stage import Completed, Outcome, Skipped, Stage, StageContext

if TYPE_CHECKING:
    from livedash_core.analysis.openai.batch_api import BatchApi


class Conversation(NamedTuple):
    """A session's messages, who is to analyse it, and the analyses it has already."""

    session_id: UUID
    company_id: UUID
    turns: tuple[Turn, ...]
    language_hint: str | None
    analyzer: str
    model: str | None
    #: (input hash, analyzer, model, prompt version) → result.
    known: dict[tuple[str, str, str | None, str], dict[str, Any]]
    #: Whether a model is spared what identifies people.
    mask: bool = False
    #: What a batch brought for it.
    reply: BatchReply | None = None


class Result(NamedTuple):
    """What becomes a session's analysis: None for one that has nothing to analyse any more."""

    stored: StoredAnalysis | None = None
    #: The company that was spared a call.
    reused_for: UUID | None = None


class PendingAnalysis(NamedTuple):
    """A conversation that somebody has to be asked about."""

    analyzer: Analyzer
    model: str | None
    request: AnalysisRequest
    #: What was done to the conversation before, for the stage's metadata.
    notes: dict[str, int]


class AiAnalysis(Stage):
    """Slow calls at once. A batch is twelve rounds of them: claiming and settling it is little beside that."""

    name = "AI_ANALYSIS"

    def __init__(self, tools: StageContext) -> None:
        super().__init__(tools)
        # Three times as many sessions as calls: while some are answered, the calls of others are opened and closed,
        # many in one commit. But one call at a time is closed before the next is made.
        self.concurrency = 3 * tools.settings.analysis_concurrency - 2
        self.batch_size = 12 * tools.settings.analysis_concurrency
        self._analyzers = AnalyzerRegistry(tools.settings, tools.engine)

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> list[Conversation]:
        """Messages in order, the company's choice of analyzer, and what was analysed before."""
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
                self.tools.analyzer or row.analyzer,
                self.tools.model or row.company_model or self.tools.settings.model or row.default_model,
                {(digest, maker, model, version): found for digest, maker, model, version, found in row.analysed or ()},
                row.mask_personal_data,
            )
            for row in rows
        ]

    def looked_up(self, item: Conversation) -> Outcome | PendingAnalysis:
        """Its outcome, if nobody has to be asked: the same words were analysed by the same maker, or nobody spoke."""
        if not any(turn.role == "User" for turn in item.turns):
            return Skipped("the user said nothing" if item.turns else "there are no messages", Result())
        analyzer, model = self._analyzers.resolve(item.analyzer, item.model, item.company_id)
        turns, notes = item.turns, dict[str, int]()
        if item.mask and model is not None:
            turns, notes["masked"] = _without_personal_data(item.turns)
        key = (input_digest(turns), analyzer.name, model, analyzer.prompt_version)
        if (known := item.known.get(key)) is not None:
            return Completed(Result(StoredAnalysis(item.session_id, *key, known), item.company_id), {"reused": True})
        request = AnalysisRequest(item.session_id, item.company_id, turns, item.language_hint, item.reply, key[0])
        return PendingAnalysis(analyzer, model, request, notes)

    def batches_of(self, model: str, company_id: UUID) -> BatchApi:
        """The batch API of the server that ``model`` is asked at. Raises ``SystemicError`` without a key for it."""
        batches: BatchApi = self._analyzers.resolve("openai", model, company_id).analyzer.batches_of(company_id)  # type: ignore[attr-defined] # goes with the batch adapter
        return batches

    async def handle(self, item: Conversation) -> Outcome:
        """Analyse it, unless that is not needed."""
        found = self.looked_up(item)
        if not isinstance(found, PendingAnalysis):
            return found
        analysis = await found.analyzer.analyze(found.request)
        stored = stored_analysis_of(found.request, found.model, analysis)
        maker = {"analyzer": analysis.analyzer, "model": analysis.model}
        return Completed(Result(stored), {**maker, **analysis.notes, **found.notes})

    def store(self, connection: Connection, results: Mapping[UUID, Result]) -> None:
        """Keep the analysis with its maker, and make it the session's current one; or none, if there is none."""
        unanalysed = [session_id for session_id, result in results.items() if result.stored is None]
        analysed = [result.stored for result in results.values() if result.stored is not None]
        store_analyses(connection, analysed)
        with counted_sessions(connection, results):
            connection.execute(update(Session).where(Session.id.in_(unanalysed)).values(_UNJUDGED))
            connection.execute(_MAKE_CURRENT, {column: [getattr(each, column) for each in analysed] for column in KEY})
        spared = [(result.reused_for, result.stored and result.stored.model) for result in results.values()]
        add_reused(connection, Counter((company, model) for company, model in spared if company and model))

    async def close(self) -> None:
        """End the makers' connections."""
        await self._analyzers.close()


def _without_personal_data(turns: tuple[Turn, ...]) -> tuple[tuple[Turn, ...], int]:
    # Lazily: the telephone numbers of the world take a fifth of a second, which whoever asks no model is spared.
    from livedash_core.analysis.masking import mask_turns

    return mask_turns(turns)


#: The session's copy of an analysis; ``language`` stays, as the CSV says it.
_UNJUDGED = dict.fromkeys(
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
        category = found.result ->> 'category', summary = found.result ->> 'summary'
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
