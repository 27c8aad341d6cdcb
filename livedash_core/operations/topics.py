"""Groups the questions of companies into topics: a pass over what is new, with a model if the company has one.

The order of a pass: new questions by the rule; similar topics as candidates (with the extra ``topics``); the model's
verdicts and names; the counts. Each chunk is a transaction, and one pass at a time works on a company.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, exists, select

from livedash_core.analysis.question_pairs import (
    NAMES_PER_CALL,
    PAIRS_PER_CALL,
    PROMPT_VERSION,
    Doubtful,
    Model,
    ask_names,
    ask_same,
)
from livedash_core.analysis.registry import AnalyzerRegistry
from livedash_core.db import advisory_lock, in_transaction
from livedash_core.errors import PermanentError, ProcessingError
from livedash_core.insights.topics import encoder, grouping, merging
from livedash_core.insights.topics.counting import refresh_counts
from livedash_core.models import AiModel, Company, Question
from livedash_core.outcomes import Deferred
from livedash_core.settings import Settings

#: Calls at a time, after a first one has shown that the model can be believed.
_CALLS = 8


@dataclass
class Grouped:
    """What a pass did for a company; ``waits`` says why the model was not asked about the rest."""

    questions: int = 0
    follow_ups: int = 0
    candidates: int = 0
    decided: int = 0
    merged: int = 0
    named: int = 0
    waits: str | None = None
    #: The error of a model call; the topics that the rule makes are stored nevertheless.
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON of ``livedash topics group --json``."""
        return asdict(self)


def group_questions(
    engine: Engine,
    settings: Settings,
    company_id: UUID | None = None,
    *,
    with_model: bool = True,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[str, Grouped]]:
    """Group the new questions of a company, or of each that has questions; yields the company's name and the result.

    Another process may be grouping the same company: it is then left out. The model is asked for
    ``settings.lane_seconds`` at most; the next pass continues. When ``stopped`` says so, the pass ends after its
    present chunk or calls.
    """
    with engine.connect() as connection:
        asked = exists().where(Question.company_id == Company.id)
        query = select(Company.id, Company.name).where(asked).order_by(Company.name)
        companies = connection.execute(query.where(Company.id == company_id) if company_id else query).all()
    for company in companies:
        if stopped():
            return
        with advisory_lock(engine, f"livedash topics {company.id}") as acquired:
            if acquired:
                yield company.name, _group_company(engine, settings, company.id, with_model=with_model, stopped=stopped)


def _group_company(
    engine: Engine, settings: Settings, company_id: UUID, *, with_model: bool, stopped: Callable[[], bool]
) -> Grouped:
    done = Grouped()
    last_id = 0
    while not stopped() and (placed := in_transaction(engine, partial(_place, company_id, last_id))):
        last_id = placed.last_id
        done.questions += placed.questions
        done.follow_ups += placed.follow_ups
    if encoder.is_installed():
        while not stopped() and in_transaction(engine, partial(_encode, company_id)):
            pass
        done.candidates = _find_candidates(engine, company_id, stopped)
    # First, because the topics that are asked most are named.
    in_transaction(engine, lambda connection: refresh_counts(connection, company_id))
    if with_model:
        until = time.monotonic() + settings.lane_seconds
        goes_on = lambda: time.monotonic() < until and not stopped()  # noqa: E731 - as short as a name
        asyncio.run(_ask_model(engine, settings, company_id, goes_on, done))
    return done


def _place(company_id: UUID, last_id: int, connection: Connection) -> grouping.Placed | None:
    return grouping.place_new_questions(connection, company_id, last_id)


def _encode(company_id: UUID, connection: Connection) -> int:
    return grouping.encode_new_topics(connection, company_id)


def _find_candidates(engine: Engine, company_id: UUID, stopped: Callable[[], bool]) -> int:
    import numpy as np

    from livedash_core.insights.topics.neighbours import neighbours

    with engine.connect() as connection:
        waiting = grouping.not_compared(connection, company_id)
        if not waiting:
            return 0
        centres = grouping.Centres.read(connection, company_id)
    rows = np.flatnonzero(np.isin(centres.ids, np.asarray(waiting)))
    found = 0
    for near in neighbours(centres.vectors, rows, centres.mean):
        if stopped():
            break
        compared = centres.ids[[row for row, _ in near]].tolist()
        candidates = {
            grouping.Candidate(min(pair), max(pair), similarity)
            for question, (_, others) in zip(compared, near, strict=True)
            for other, similarity in others
            for pair in [(question, int(centres.ids[other]))]
        }
        in_transaction(engine, partial(_store_candidates, company_id, candidates, compared))
        found += len(candidates)
    return found


def _store_candidates(
    company_id: UUID, candidates: Collection[grouping.Candidate], compared: Sequence[int], connection: Connection
) -> None:
    grouping.store_candidates(connection, company_id, candidates, compared)


async def _ask_model(
    engine: Engine, settings: Settings, company_id: UUID, goes_on: Callable[[], bool], done: Grouped
) -> None:
    """Have the company's model decide about candidates and name topics, until nothing is left or the time is up."""
    registry = AnalyzerRegistry(settings, engine)
    try:
        with engine.connect() as connection:
            default = select(AiModel.name).where(AiModel.is_default).scalar_subquery()
            columns = (Company.analyzer, Company.model, Company.mask_personal_data, default.label("default_model"))
            company = connection.execute(select(*columns).where(Company.id == company_id)).one()
        chosen = company.model or settings.model or company.default_model
        analyzer, name = registry.resolve(company.analyzer, chosen, company_id)
        if name is None or not isinstance(analyzer, Model):
            return
        masked = _masked if company.mask_personal_data else lambda question: question
        changed = await _decide_all(engine, analyzer, name, company_id, masked, goes_on, done)
        if changed:
            in_transaction(engine, lambda connection: refresh_counts(connection, company_id, changed))
        if not (done.waits or done.error):
            await _name_all(engine, analyzer, company_id, masked, goes_on, done)
    except ProcessingError as error:
        done.error = str(error)
    finally:
        await registry.close()


async def _decide_all(
    engine: Engine,
    model: Model,
    name: str,
    company_id: UUID,
    masked: Callable[[str], str],
    goes_on: Callable[[], bool],
    done: Grouped,
) -> set[int]:
    changed: set[int] = set()
    calls = 1
    while goes_on():
        with engine.connect() as connection:
            waiting = merging.undecided(connection, company_id, calls * PAIRS_PER_CALL)
        if not waiting:
            break
        parts = [waiting[start : start + PAIRS_PER_CALL] for start in range(0, len(waiting), PAIRS_PER_CALL)]
        asked = (
            ask_same(model, company_id, [(masked(row.first), masked(row.second)) for row in part]) for part in parts
        )
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for part, answer in zip(parts, answers, strict=True):
            changed |= _apply(engine, name, company_id, part, answer, done)
        if done.waits or done.error:
            break
        calls = _CALLS
    return changed


def _apply(
    engine: Engine,
    name: str,
    company_id: UUID,
    part: Sequence[Row[Any]],
    answer: list[bool] | Deferred | BaseException,
    done: Grouped,
) -> set[int]:
    """Store what a call answered; an unusable answer leaves its pairs to a person, any other error to the next pass."""
    if isinstance(answer, Deferred):
        done.waits = str(answer)
    elif isinstance(answer, PermanentError):
        reason = str(answer)
        in_transaction(engine, lambda connection: merging.hold(connection, part, reason))
        done.error = reason if isinstance(answer, Doubtful) else done.error
    elif isinstance(answer, ProcessingError):
        done.error = str(answer)
    elif isinstance(answer, BaseException):
        raise answer
    else:
        verdicts = {(row.first_id, row.second_id): same for row, same in zip(part, answer, strict=True)}
        decide = partial(merging.decide, model=name, prompt_version=PROMPT_VERSION)
        changed = in_transaction(engine, lambda connection: decide(connection, company_id, verdicts))
        done.decided += len(part)
        done.merged += len(changed) // 2
        return changed
    return set()


async def _name_all(
    engine: Engine,
    model: Model,
    company_id: UUID,
    masked: Callable[[str], str],
    goes_on: Callable[[], bool],
    done: Grouped,
) -> None:
    while goes_on():
        with engine.connect() as connection:
            groups = merging.unnamed(connection, company_id, NAMES_PER_CALL)
        if not groups:
            return
        names = await ask_names(model, company_id, [list(map(masked, group.values())) for group in groups.values()])
        if isinstance(names, Deferred):
            done.waits = str(names)
            return
        given = {topic: name for topic, name in zip(groups, names, strict=True) if name}
        done.named += in_transaction(engine, partial(merging.name_topics, names=given, made_of=groups))
        if len(given) < len(groups):
            return  # the next pass asks again for the others


def _masked(question: str) -> str:
    # Imported here because the telephone number data takes a fifth of a second, and only models need it.
    from livedash_core.analysis.masking import mask

    return mask(question)
