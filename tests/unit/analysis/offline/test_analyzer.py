from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st

from livedash_core.analysis.contract import SUMMARY_MAX_CHARACTERS, AnalysisRequest, Analyzer, Turn
from livedash_core.analysis.offline import OfflineAnalyzer
from livedash_core.analysis.offline.text import MAX_TURN_CHARACTERS
from livedash_core.enums import ROLES

Ask = Callable[..., AnalysisRequest]

# A lone surrogate, NUL and a right-to-left mark reach us from hostile transcripts; st.text() alone avoids surrogates.
CONTENT = st.text(st.characters(codec=None), max_size=300) | st.sampled_from(
    ["\ud800?", "\0\0", "Hoe\u202e laat?\u2028En dan?", "?" * 3000, "Wie " * 900, "\ufdfa?" * 200, ""]
)
TURNS = st.lists(st.builds(Turn, st.sampled_from(ROLES), CONTENT), max_size=12)


@given(turns=TURNS, hint=st.none() | st.text(max_size=20) | st.sampled_from(["Dutch", "zxx", "nl_NL", " EN "]))
@example(turns=[], hint=None)
@settings(max_examples=150, deadline=None)
async def test_any_conversation_gives_an_analysis_that_can_be_stored(
    analyzer: OfflineAnalyzer, turns: list[Turn], hint: str | None
) -> None:
    analysis = await analyzer.analyze(AnalysisRequest(UUID(int=1), UUID(int=2), tuple(turns), hint))
    stored = "".join((analysis.summary, *analysis.questions)).encode()
    assert b"\0" not in stored
    assert len(analysis.summary.splitlines()) == 1


async def test_the_result_names_the_offline_rules(analyzer: OfflineAnalyzer, ask: Ask) -> None:
    as_contract: Analyzer = analyzer
    analysis = await as_contract.analyze(ask("Hoe vraag ik vakantie aan?", "En tot wanneer kan dat?"))
    assert (analysis.analyzer, analysis.model, analysis.prompt_version) == ("offline", None, "rules-3")
    assert analysis.summary == (
        "Offline rules: 2 user messages about leave and vacation. First question: “Hoe vraag ik vakantie aan?”."
    )
    assert analysis.questions == ("Hoe vraag ik vakantie aan?", "En tot wanneer kan dat?")
    await as_contract.close()


async def test_assistant_turns_do_not_affect_language_category_sentiment_or_questions(
    analyzer: OfflineAnalyzer,
) -> None:
    turns = (
        Turn("User", "Where can I download my payslip for October?"),
        Turn("Assistant", "Bedoel je verlof of vakantie? Dat is echt belachelijk. Hoe kan ik je helpen?"),
        Turn("System", "Wie is er ziek? Schandalig."),
    )
    analysis = await analyzer.analyze(AnalysisRequest(UUID(int=1), UUID(int=2), turns))
    assert (analysis.language, analysis.category, analysis.sentiment) == ("en", "SALARY_COMPENSATION", "NEUTRAL")
    assert analysis.questions == ("Where can I download my payslip for October?",)


async def test_without_a_question_the_summary_is_the_topic_alone(analyzer: OfflineAnalyzer, ask: Ask) -> None:
    analysis = await analyzer.analyze(ask("ik wil met HR praten over mijn rooster"))
    assert analysis.summary == "Offline rules: 1 user message about schedule and hours. Forwarded to HR."


async def test_a_long_question_is_shortened_to_fit_the_summary(analyzer: OfflineAnalyzer, ask: Ask) -> None:
    analysis = await analyzer.analyze(ask("Kan ik " + "heel " * 200 + "lang vrij?"))
    assert len(analysis.summary) <= SUMMARY_MAX_CHARACTERS
    assert "heel…”." in analysis.summary


async def test_omitted_characters_are_noted_and_the_end_of_a_long_chat_is_read(
    analyzer: OfflineAnalyzer, ask: Ask
) -> None:
    lines = ["ok"] * 300 + ["Ik wil een klacht indienen"] + ["x" * (MAX_TURN_CHARACTERS + 7)]
    analysis = await analyzer.analyze(ask(*lines, hint="nl"))
    assert analysis.escalated
    assert analysis.notes == {"language_from": "text", "characters_omitted": 202 * len("ok") + 7}
    assert analysis.summary.startswith("Offline rules: 302 user messages")


def test_importing_does_not_load_the_ngrams() -> None:
    script = "import sys, livedash_core.analysis.offline; print([name for name in sys.modules if 'ngramsM60' in name])"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
