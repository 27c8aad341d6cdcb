"""How often merges of questions agree with the labels, without a model and with one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from uuid import UUID

from rich.console import Console
from rich.table import Table

from livedash_core.analysis.openai import OpenAIAnalyzer
from livedash_core.analysis.question_pairs import PAIRS_PER_CALL, PROMPT_VERSION, ask_same
from livedash_core.costs.ledger import Ledger
from livedash_core.errors import PermanentError
from livedash_core.insights.topics import encoder
from livedash_core.insights.topics.wording import contradiction, read
from livedash_core.settings import Settings
from tests.eval.question_pairs import PRECISION_FLOOR, LabelledPair, Measured, load_pairs, measure

#: The calls for all pairs would cost more than they say.
_MODEL_PAIRS = 600


def evaluate_topics(console: Console) -> list[str]:
    """Print precision and recall of the rule, and the cosines of pairs; returns what is below the floor."""
    pairs = load_pairs()
    measured = {name: measure(part, is_same) for name, part in _parts(pairs)}
    console.print(_table("Merges of questions without a model", measured))
    contradicted = [pair for pair in pairs if _contradiction(pair)]
    wrong = sum(pair.same for pair in contradicted)
    console.print(f"{len(contradicted)} pairs are different by rule, {wrong} of them wrongly.")
    if encoder.is_installed():
        _print_cosines(console, pairs)
    return [
        f"merges, {name}"
        for name, found in measured.items()
        if name in ("tuned", "held") and found.precision < PRECISION_FLOOR
    ]


def evaluate_topics_with_model(console: Console, settings: Settings, ledger: Ledger[object]) -> None:
    """Print precision and recall of a model's verdicts on pairs that the rule leaves open."""
    assert settings.openai_api_key is not None
    assert settings.model is not None
    model = OpenAIAnalyzer(
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url,
        model=settings.model,
        ledger=ledger,
    )
    open_pairs = [pair for pair in load_pairs() if not is_same(pair) and not _contradiction(pair)][:_MODEL_PAIRS]

    async def verdicts() -> dict[LabelledPair, bool]:
        found: dict[LabelledPair, bool] = {}
        for start in range(0, len(open_pairs), PAIRS_PER_CALL):
            part = open_pairs[start : start + PAIRS_PER_CALL]
            try:
                answers = await ask_same(model, UUID(int=1), [(pair.first.text, pair.second.text) for pair in part])
            except PermanentError as error:
                console.print(str(error), style="red", markup=False)
                continue
            if isinstance(answers, list):
                found |= dict(zip(part, answers, strict=True))
        await model.close()
        return found

    decided = asyncio.run(verdicts())
    measured = measure(open_pairs, lambda pair: decided.get(pair, False))
    console.print(_table(f"Merges by {settings.model}, {PROMPT_VERSION}", {"pairs the rule leaves open": measured}))


def is_same(pair: LabelledPair) -> bool:
    first, second = (read(question.text, question.language) for question in (pair.first, pair.second))
    return first.digest == second.digest


def _contradiction(pair: LabelledPair) -> str | None:
    return contradiction(*(read(question.text, question.language) for question in (pair.first, pair.second)))


def _parts(pairs: list[LabelledPair]) -> Iterator[tuple[str, list[LabelledPair]]]:
    belongs: dict[str, Callable[[LabelledPair], bool]] = {
        "tuned": lambda pair: pair.set == "tuned",
        "held": lambda pair: pair.set == "held",
        "one language": lambda pair: pair.one_language,
        "two languages": lambda pair: not pair.one_language,
    }
    for name, of in belongs.items():
        yield name, [pair for pair in pairs if of(pair)]


def _table(title: str, measured: dict[str, Measured]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in ("pairs", "number", "same", "merged", "precision", "recall"):
        table.add_column(column, justify="left" if column == "pairs" else "right")
    for name, found in measured.items():
        numbers = (found.pairs, found.same, found.made)
        table.add_row(name, *map(str, numbers), f"{found.precision:.3f}", f"{found.recall:.3f}")
    return table


def _print_cosines(console: Console, pairs: list[LabelledPair]) -> None:
    """Print what a merge by cosine alone would be, which is why there is none."""
    import numpy as np

    from livedash_core.insights.topics.neighbours import _centred, centre

    questions = sorted({question for pair in pairs for question in (pair.first, pair.second)}, key=lambda q: q.text)
    place = {question: index for index, question in enumerate(questions)}
    vectors = np.frombuffer(b"".join(encoder.encode([each.text for each in questions])), dtype=np.int8)
    vectors = vectors.reshape(-1, encoder.DIMENSIONS)
    centred = _centred(vectors, centre(vectors))
    cosines = {pair: float(centred[place[pair.first]] @ centred[place[pair.second]]) for pair in pairs}
    thresholds = (0.55, 0.7, 0.8, 0.9)
    measured = {f"cosine ≥ {at}": measure(pairs, lambda pair, at=at: cosines[pair] >= at) for at in thresholds}
    console.print(_table("Candidates by cosine alone, never merged", measured))
