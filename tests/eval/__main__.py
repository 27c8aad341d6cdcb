"""``make eval``: a table per field and language for the offline rules, and for a model when there is a key.

The exit code is 1 when the offline rules are below a floor, or when the model cannot be called. A model is billed for
about 340 calls.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from rich.console import Console
from rich.table import Table

from livedash_core.analysis.contract import Analyzer
from livedash_core.analysis.offline import OfflineAnalyzer
from livedash_core.analysis.openai import OpenAIAnalyzer
from livedash_core.analysis.stored_analyses import StoredAnalysis
from livedash_core.costs.ledger import CallEnd, PlannedCall
from livedash_core.enums import SESSION_OUTCOMES
from livedash_core.errors import LiveDashError
from livedash_core.settings import Settings
from tests.eval import outcomes
from tests.eval.cases import FLOORS, Analysed, agreement, analyse, load_cases
from tests.eval.topics import evaluate_topics, evaluate_topics_with_model

LANGUAGES = ("nl", "de", "en")
COLUMNS: dict[str, Callable[[Analysed], bool]] = {
    **{name: lambda one, name=name: one.case.labels["language"] == name for name in LANGUAGES},
    "adversarial": lambda one: one.case.adversarial,
    "all": lambda one: True,
}


@dataclass
class CountingLedger:
    """A ledger that only counts calls and tokens, because these calls belong to no stored session."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    async def open_call(self, call: PlannedCall) -> UUID:
        self.calls += 1
        return uuid4()

    async def close_call(self, row: UUID, end: CallEnd, stored: StoredAnalysis | None = None) -> None:
        self.prompt_tokens += end.usage.prompt_tokens or 0
        self.completion_tokens += end.usage.completion_tokens or 0

    async def mark_unusable(self, row: UUID, error_message: str) -> None:
        """Do nothing: the tokens of the reply are counted already."""


def main() -> int:
    settings, console = Settings(), Console(highlight=False)
    offline = _evaluate(OfflineAnalyzer())
    console.print(_table(f"Offline rules, {OfflineAnalyzer.prompt_version}", offline, floors=True))
    judged = outcomes.judge(OfflineAnalyzer())
    console.print(_outcome_table(f"Offline rules, {OfflineAnalyzer.prompt_version}", judged))
    below = [field for field, floor in FLOORS.items() if agreement(offline, field) < floor]
    if outcomes.macro_f1(judged, lambda one: one.said) < outcomes.OUTCOME_FLOOR:
        below.append("outcome")
    below += evaluate_topics(console)
    if below:
        console.print(f"Below the floor: {', '.join(below)}", style="red")
    if settings.openai_api_key is None:
        console.print("No OPENAI_API_KEY: no model was evaluated.")
        return 1 if below else 0
    try:
        _evaluate_model(settings, console)
        evaluate_topics_with_model(console, settings, CountingLedger())
    except LiveDashError as error:
        console.print(str(error), style="red", markup=False)
        return 1
    return 1 if below else 0


def _evaluate_model(settings: Settings, console: Console) -> None:
    ledger = CountingLedger()
    analyzer = _model_analyzer(settings, ledger)
    analysed = _evaluate(analyzer, at_once=settings.analysis_concurrency)
    judged = outcomes.judge(_model_analyzer(settings, ledger), at_once=settings.analysis_concurrency)
    failed = sum(one.analysis is None for one in analysed)
    console.print(_table(f"{settings.model}, prompt {analyzer.prompt_version}", analysed, floors=False))
    console.print(_outcome_table(f"{settings.model}, prompt {analyzer.prompt_version}", judged))
    console.print(
        f"{ledger.calls} calls, {ledger.prompt_tokens:,} prompt and {ledger.completion_tokens:,} completion tokens; "
        f"{failed} of {len(analysed)} without an analysis, which counts as wrong."
    )


def _model_analyzer(settings: Settings, ledger: CountingLedger) -> OpenAIAnalyzer:
    if settings.openai_api_key is None or settings.model is None:
        raise LiveDashError("There is a key, but no model: set LIVEDASH_MODEL")
    return OpenAIAnalyzer(
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url,
        model=settings.model,
        ledger=ledger,
    )


def _evaluate(analyzer: Analyzer, *, at_once: int = 1) -> list[Analysed]:
    async def all_cases() -> list[Analysed]:
        try:
            return await analyse(analyzer, load_cases(), at_once=at_once)
        finally:
            await analyzer.close()

    return asyncio.run(all_cases())


def _table(title: str, analysed: Sequence[Analysed], *, floors: bool) -> Table:
    groups = {name: [one for one in analysed if belongs(one)] for name, belongs in COLUMNS.items()}
    table = Table(title=f"{title}: share that agrees with the label", title_justify="left")
    table.add_column("field")
    for name, group in groups.items():
        table.add_column(f"{name} ({len(group)})", justify="right")
    if floors:
        table.add_column("floor", justify="right")
    for field, floor in FLOORS.items():
        shares = [f"{agreement(group, field):.2f}" for group in groups.values()]
        table.add_row(field, *shares, *([f"{floor:.2f}"] if floors else []))
    return table


def _outcome_table(title: str, judged: Sequence[outcomes.Judged]) -> Table:
    """Macro-F1 of the outcome beside the usual proxy, for all labelled chats and for those that were held out."""
    table = Table(title=f"{title}: how a session ended", title_justify="left")
    columns = {"all": judged, "held out": [one for one in judged if one.set == 2]}
    table.add_column("measure")
    for name, group in columns.items():
        table.add_column(f"{name} ({len(group)})", justify="right")
    measures: dict[str, Callable[[Sequence[outcomes.Judged]], float]] = {
        "macro-F1": lambda group: outcomes.macro_f1(group, lambda one: one.said),
        "macro-F1 of the proxy: no hand-over = resolved": lambda group: outcomes.macro_f1(group, lambda one: one.proxy),
        **{
            f"{outcome}: {measure.__name__}": lambda group, measure=measure, outcome=outcome: measure(group, outcome)
            for outcome in SESSION_OUTCOMES
            for measure in (outcomes.precision, outcomes.recall)
        },
        "what was missing, of UNRESOLVED": outcomes.missing_accuracy,
    }
    for name, measure in measures.items():
        table.add_row(name, *(f"{measure(group):.2f}" for group in columns.values()))
    return table


if __name__ == "__main__":
    sys.exit(main())
