"""AI_ANALYSIS: from the conversation to its judgement."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import aggregate_order_by

from livedash_core.analysis.accounts import add_reused
from livedash_core.analysis.contract import Analysis, AnalysisRequest, Analyzer, GivenReply, Turn
from livedash_core.analysis.makers import Makers
from livedash_core.bulk import upsert
from livedash_core.insights import counted_sessions
from livedash_core.models import AiModel, Company, Message, Session, SessionAnalysis
from livedash_core.stages.stage import Completed, Outcome, Skipped, Stage, Tools

if TYPE_CHECKING:
    from livedash_core.analysis.openai.batch_api import BatchApi


class Conversation(NamedTuple):
    """A session's messages, who is to judge it, and the judgements it has already."""

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
    reply: GivenReply | None = None


class Judgement(NamedTuple):
    """What will be stored: the contract's fields, under the key of what was judged and whom we asked."""

    input_hash: str
    analyzer: str
    model: str | None
    prompt_version: str
    result: dict[str, Any]
    #: The company that was spared a call.
    reused_for: UUID | None = None


class Unjudged(NamedTuple):
    """A conversation that somebody has to be asked about."""

    input_hash: str
    analyzer: Analyzer
    model: str | None
    request: AnalysisRequest
    #: What was done to the conversation before, for the stage's metadata.
    notes: dict[str, int]


#: What is stored for a session that has nothing to judge any more.
_NONE = Judgement("", "", None, "", {})


class AiAnalysis(Stage):
    """Slow calls at once; a batch is twelve rounds of them, so that a slow answer does not idle the rest for long."""

    name = "AI_ANALYSIS"

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        # Half as many sessions again as calls: while one's call is written to the ledger, another's is answered. One
        # call at a time is kept before the next is made.
        self.concurrency = 3 * tools.settings.analysis_concurrency // 2
        self.batch_size = 12 * tools.settings.analysis_concurrency
        self._makers = Makers(tools.settings, tools.engine)

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> list[Conversation]:
        """Messages in order, the company's choice of analyzer, and what was judged before."""
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
        judged = (
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
                ).label("judged"),
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
                judged.c.judged,
            )
            .join(Company, Company.id == Session.company_id)
            .join(turns, turns.c.session_id == Session.id, isouter=True)
            .join(judged, judged.c.session_id == Session.id, isouter=True)
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
                {(digest, maker, model, version): found for digest, maker, model, version, found in row.judged or ()},
                row.mask_personal_data,
            )
            for row in rows
        ]

    def looked_up(self, item: Conversation) -> Outcome | Unjudged:
        """Its outcome, if nobody has to be asked: the same words were judged by the same maker, or nobody spoke."""
        if not any(turn.role == "User" for turn in item.turns):
            return Skipped("the user said nothing" if item.turns else "there are no messages", _NONE)
        analyzer, model = self._makers.choose(item.analyzer, item.model, item.company_id)
        turns, notes = item.turns, dict[str, int]()
        if item.mask and model is not None:
            turns, notes["masked"] = _without_personal_data(item.turns)
        key = (_digest(turns), analyzer.name, model, analyzer.prompt_version)
        if (known := item.known.get(key)) is not None:
            return Completed(Judgement(*key, known, reused_for=item.company_id), {"reused": True})
        request = AnalysisRequest(item.session_id, item.company_id, turns, item.language_hint, item.reply)
        return Unjudged(key[0], analyzer, model, request, notes)

    def batches_of(self, model: str, company_id: UUID) -> BatchApi:
        """The batch API of the server that ``model`` is asked at. Raises ``SystemicError`` without a key for it."""
        return self._makers.asking(model, company_id).batches_of(company_id)

    async def handle(self, item: Conversation) -> Outcome:
        """Judge it, unless that is not needed."""
        found = self.looked_up(item)
        if not isinstance(found, Unjudged):
            return found
        analysis = await found.analyzer.analyze(found.request)
        judgement = Judgement(
            found.input_hash, found.analyzer.name, found.model, analysis.prompt_version, _result(analysis)
        )
        if found.model is not None:
            # Paid for: if we are killed before the batch is settled, the next attempt finds it.
            await self._makers.keep(partial(_keep, results={item.session_id: judgement}))
        maker = {"analyzer": analysis.analyzer, "model": analysis.model}
        return Completed(judgement, {**maker, **analysis.notes, **found.notes})

    def store(self, connection: Connection, results: Mapping[UUID, Judgement]) -> None:
        """Keep the judgement with its maker, and make it the session's current one; or none, if there is none."""
        unjudged = [session_id for session_id, judgement in results.items() if judgement is _NONE]
        rows = _keep(connection, results)
        with counted_sessions(connection, results):
            connection.execute(update(Session).where(Session.id.in_(unjudged)).values(_UNJUDGED))
            connection.execute(_MAKE_CURRENT, {column: [row[column] for row in rows] for column in _KEY})
        spared = [(found.reused_for, found.model) for found in results.values()]
        add_reused(connection, Counter((company, model) for company, model in spared if company and model))

    async def close(self) -> None:
        """End the makers' connections."""
        await self._makers.close()


def _keep(connection: Connection, results: Mapping[UUID, Judgement]) -> list[dict[str, Any]]:
    """Store the judgements, those that are not there yet; returns the rows of all."""
    rows = [
        {
            "session_id": session_id,
            "input_hash": judgement.input_hash,
            "analyzer": judgement.analyzer,
            "model": judgement.model,
            "prompt_version": judgement.prompt_version,
            "result": json.dumps(judgement.result),
        }
        for session_id, judgement in results.items()
        if judgement is not _NONE
    ]
    upsert(connection, SessionAnalysis, rows, key=_KEY)
    return rows


def _without_personal_data(turns: tuple[Turn, ...]) -> tuple[tuple[Turn, ...], int]:
    # Lazily: the telephone numbers of the world take a fifth of a second, which whoever asks no model is spared.
    from livedash_core.analysis.masking import masked

    return masked(turns)


def _digest(turns: tuple[Turn, ...]) -> str:
    return hashlib.sha256(json.dumps([[turn.role, turn.content] for turn in turns]).encode()).hexdigest()


def _result(analysis: Analysis) -> dict[str, Any]:
    return {
        "language": analysis.language,
        "sentiment": analysis.sentiment,
        "escalated": analysis.escalated,
        "forwarded_hr": analysis.forwarded_hr,
        "category": analysis.category,
        "summary": analysis.summary,
        "questions": list(analysis.questions),
        "questions_language": analysis.questions_language,
        "analyzer": analysis.analyzer,
        "model": analysis.model,
        "prompt_version": analysis.prompt_version,
    }


#: The session's copy of a judgement; ``language`` stays, as the CSV says it.
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
_KEY = ("session_id", "input_hash", "analyzer", "model", "prompt_version")
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
         AS judged (session_id, input_hash, analyzer, model, prompt_version)
    JOIN livedash.session_analysis AS found
      ON found.session_id = judged.session_id AND found.input_hash = judged.input_hash
     AND found.analyzer = judged.analyzer AND found.model IS NOT DISTINCT FROM judged.model
     AND found.prompt_version = judged.prompt_version
    WHERE session.id = judged.session_id
    """
)
