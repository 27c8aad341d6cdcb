from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_core.analysis.contract import Analysis
from livedash_core.analysis.openai.completion import Completion
from livedash_core.analysis.openai.reply import UnusableReply, read_completion, read_content
from livedash_core.errors import ProcessingError
from tests.unit.analysis.openai.scripted_server import SECRET, VALID_REPLY


def read(**fields: Any) -> Analysis:
    return read_content(json.dumps(VALID_REPLY | fields))


def test_a_valid_reply_has_no_notes() -> None:
    analysis = read()
    assert analysis.summary == VALID_REPLY["summary"]
    assert analysis.questions == ("How do I request leave?",)
    assert (analysis.language, analysis.sentiment, analysis.category) == ("nl", "NEUTRAL", "LEAVE_VACATION")
    assert (analysis.escalated, analysis.forwarded_hr) == (False, False)
    assert analysis.notes == {}


@pytest.mark.parametrize(
    ("field", "given_value", "taken"),
    [
        ("sentiment", "positive", "POSITIVE"),
        ("sentiment", " Negative.", "NEGATIVE"),
        ("category", "Leave & vacation", "LEAVE_VACATION"),
        ("category", "sick_leave_recovery", "SICK_LEAVE_RECOVERY"),
        ("language", "nl-NL", "nl"),
        ("language", "NL", "nl"),
        ("language", "Dutch", "nl"),
        ("language", "zxx", "und"),
        ("language", "", "und"),
        ("language", None, "und"),
        ("language", 7, "und"),
        ("escalated", "yes", True),
        ("escalated", "True", True),
        ("forwarded_hr", "nee", False),
        ("forwarded_hr", 1, True),
        ("escalated", None, False),
        ("forwarded_hr", "N/A", False),
        ("escalated", "Sí", True),
        ("escalated", [True], True),
        ("sentiment", "slightly negative", "NEGATIVE"),
        ("sentiment", "Sentiment.POSITIVE", "POSITIVE"),
        ("sentiment", "négatif", "NEGATIVE"),
        ("sentiment", ["neutro"], "NEUTRAL"),
        ("sentiment", {"value": "POSITIVE", "confidence": 0.9}, "POSITIVE"),
        ("category", "leave-vacation (days off)", "LEAVE_VACATION"),
        ("category", "Urlaub", "LEAVE_VACATION"),
        ("category", "Category: Sick leave recovery", "SICK_LEAVE_RECOVERY"),
        ("category", "Salaris", "SALARY_COMPENSATION"),
        ("outcome", "resolved", "RESOLVED"),
        ("outcome", "Outcome: Handed over (to HR)", "HANDED_OVER"),
        ("outcome", "handed-off", "HANDED_OVER"),
        ("outcome", "not resolved", "UNRESOLVED"),
        ("outcome", "opgelost", "RESOLVED"),
        ("outcome", ["ABANDONED"], "ABANDONED"),
        ("outcome", {"value": "ABANDONED"}, "ABANDONED"),
        ("outcome", "a mystery", "UNKNOWN"),
        ("outcome", "", "UNKNOWN"),
        ("outcome", None, "UNKNOWN"),
        ("outcome", 7, "UNKNOWN"),
        ("outcome_reason", "Mail hr@acme.example\nor see evil.example.", "Mail [e-mail] or see [link]."),
        ("outcome_reason", None, ""),
        ("outcome_reason", 7, ""),
        ("missing", "NO_ANSWER", None),
        ("summary", "Greeting.", "Summary: Greeting."),
        ("summary", ["Asked for leave.", "Got it."], "Asked for leave. Got it."),
        ("summary", "  Two\nlines   and\ttabs. ", "Two lines and tabs."),
        ("summary", "Call +31 6 12345678 or see https://evil.example/pay.", "Call [phone] or see [link]."),
        ("summary", "nul\0 and half \ud83d of it", "nul and half \ufffd of it"),
    ],
)
def test_a_harmless_deviation_is_normalised_and_noted(field: str, given_value: Any, taken: Any) -> None:
    analysis = read(**{field: given_value})
    assert getattr(analysis, field) == taken
    assert {name: note for name, note in analysis.notes.items() if name != "language_label"} == {"normalised": field}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("nl-NL", "nl-NL"),
        (" Dutch\n(Flemish)\0 ", "Dutch (Flemish)"),
        ("zxx", "zxx"),
        ("Dutch. " * 10_000, "Dutch. Dutch. Dutch. Dutch. Dutch."),
        ("call +31 6 12345678 or evil.example", "call [phone] or [link]"),
        ("nl", None),
        ("", None),
        (None, None),
        (["nl"], None),
    ],
)
def test_the_models_language_label_is_noted_if_it_was_normalised(said: Any, kept: str | None) -> None:
    assert read(language=said).notes.get("language_label") == kept


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("WRONG_ANSWER", "WRONG_ANSWER"),
        ("no answer in the knowledge", "NO_ANSWER"),
        ("Needs a person", "NEEDS_PERSON"),
        ("technical fault", "SYSTEM_FAULT"),
        ("NONE", None),
        ("", None),
        (None, None),
        ("patience", None),
        (["SYSTEM_FAULT"], "SYSTEM_FAULT"),
    ],
)
def test_what_an_unresolved_session_lacked_is_read_leniently(said: Any, taken: str | None) -> None:
    analysis = read(outcome="UNRESOLVED", missing=said)
    assert (analysis.outcome, analysis.missing) == ("UNRESOLVED", taken)


def test_a_long_reason_is_shortened_at_a_word() -> None:
    assert len(read(outcome_reason="word " * 100).outcome_reason) <= 200
    assert len(read(outcome_reason="w" * 400).outcome_reason) == 200


def test_a_reply_to_a_prompt_that_did_not_ask_for_the_outcome_has_none() -> None:
    old = {name: value for name, value in VALID_REPLY.items() if name not in ("outcome", "outcome_reason", "missing")}
    analysis = read_content(json.dumps(old))
    assert (analysis.outcome, analysis.outcome_reason, analysis.missing) == (None, "", None)
    assert analysis.notes == {}


def test_a_missing_language_is_undetermined() -> None:
    fields = {name: value for name, value in VALID_REPLY.items() if name != "language"}
    assert read_content(json.dumps(fields)).language == "und"


@pytest.mark.parametrize(
    ("hint", "language", "notes"),
    [("Dutch", "nl", {"language": "from the import"}), ("klingon?", "und", {}), (None, "und", {})],
)
def test_the_imported_language_is_used_if_the_model_could_not_determine_it(
    hint: str | None, language: str, notes: Any
) -> None:
    content = json.dumps(VALID_REPLY | {"language": "und"})
    completion = Completion.model_validate({"choices": [{"message": {"content": content}}]})
    analysis = read_completion(completion, hint)
    assert (analysis.language, analysis.notes) == (language, notes)


def test_the_models_language_takes_precedence_over_the_import() -> None:
    completion = Completion.model_validate({"choices": [{"message": {"content": json.dumps(VALID_REPLY)}}]})
    assert read_completion(completion, "turkish").language == "nl"


@pytest.mark.parametrize(
    ("fields", "questions_language", "notes"),
    [
        (
            {
                "summary": "De werknemer wilde weten hoeveel dagen er over zijn en kreeg antwoord.",
                "questions": ["Hoeveel verlofdagen heb ik nog over?"],
            },
            "nl",
            {"questions_language": "nl", "summary_language": "nl"},
        ),
        ({"questions": ["Wie beantrage ich einen Urlaubstag im Portal?"]}, "de", {"questions_language": "de"}),
        ({"questions": ["Comment puis-je demander un congé parental ?"]}, "fr", {"questions_language": "fr"}),
        ({"summary": "Mitarbeiter fragte nach dem Dienstplan."}, "en", {"summary_language": "de"}),
        ({"questions": ["Payslip?"], "summary": "Asked about leave."}, "en", {}),
        ({"questions": ["How to log in to AFAS InSite?", "Is Jan van der Berg my manager?"]}, "en", {}),
        ({"questions": []}, "en", {}),
    ],
)
def test_text_in_another_language_than_english_is_marked(
    fields: dict[str, Any], questions_language: str, notes: dict[str, str]
) -> None:
    content = json.dumps(VALID_REPLY | fields)
    analysis = read_completion(Completion.model_validate({"choices": [{"message": {"content": content}}]}))
    assert (analysis.questions_language, analysis.notes) == (questions_language, notes)


@pytest.mark.parametrize("length", [301, 1_000, 100_000])
def test_a_long_summary_is_shortened_at_a_word(length: int) -> None:
    summary = read(summary=("word " * length)[:length]).summary
    assert 290 <= len(summary) <= 300
    assert summary.endswith("word…")


def test_a_single_long_word_is_truncated() -> None:
    assert len(read(summary="w" * 400).summary) == 300


@pytest.mark.parametrize(
    ("asked", "kept", "dropped"),
    [
        (["A b?", "a B", "C d?", 7, None, "", {}], ("A b?", "C d?"), 5),
        ([f"Question {number}?" for number in range(8)], tuple(f"Question {number}?" for number in range(5)), 3),
        ([], (), None),
        (None, (), None),
        ("Just one?", ("Just one?",), None),
        ("None", (), None),
        ("- One or two?\n2) Three or four?", ("One or two?", "Three or four?"), None),
        ('["One or two?"]', ("One or two?",), None),
        ([{"question": "One or two?", "by": "User"}], ("One or two?",), None),
        ({"type": "array", "items": ["One or two?"]}, ("One or two?",), None),
    ],
)
def test_questions_are_cleaned_and_the_dropped_are_counted(asked: Any, kept: Any, dropped: int | None) -> None:
    analysis = read(questions=asked)
    assert analysis.questions == kept
    assert analysis.notes.get("questions_dropped") == dropped


@pytest.mark.parametrize(
    ("asked", "kept", "counted"),
    [
        ("Can I mail hr@acme.example?", "Can I mail [e-mail]?", 1),
        ("Is 06-12345678 the number of HR?", "Is [phone] the number of HR?", 1),
        ("Do I log in at evil.example or at https://acme.nl/login?", "Do I log in at [link] or at [link]?", 1),
        ("evil.example?", None, 1),
        ("+31 6 12345678, a@b.nl!", None, 1),
        ("Where is [link]?", "Where is [link]?", None),
        ("How many hours are 38.5 a week?", "How many hours are 38.5 a week?", None),
    ],
)
def test_contacts_in_questions_are_redacted(asked: str, kept: str | None, counted: int | None) -> None:
    analysis = read(questions=[asked, "How do I request leave?"])
    assert analysis.questions == (*((kept,) if kept else ()), "How do I request leave?")
    assert analysis.notes.get("questions_with_contacts") == counted
    assert analysis.notes.get("questions_dropped") == (None if kept else 1)


@pytest.mark.parametrize(
    "wrapping",
    [
        "```json\n{}\n```",
        "```\n{}\n```\nI hope this helps!",
        "Here it is:\n{}",
        "{} trailing }} braces",
        "<think>maybe {{this}}? no.</think>\n{}",
    ],
)
def test_text_around_the_object_is_ignored(wrapping: str) -> None:
    assert read_content(wrapping.replace("{}", json.dumps(VALID_REPLY))).language == "nl"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "it holds no JSON object"),
        ("[1, 2]", "it holds no JSON object"),
        ('{"summary": "cut o', "it is not valid JSON"),
        ('{"a":' * 100_000, "it is not valid JSON"),
        ('{"a": ' + "9" * 5_000 + "}", "it is not valid JSON"),
        ("{}", "summary: Field required; questions: Field required; sentiment: Field required"),
    ],
)
def test_content_without_a_valid_object_is_unusable(content: str, says: str) -> None:
    with pytest.raises(UnusableReply, match=says) as raised:
        read_content(content)
    assert raised.value.content == content


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("summary", "", "summary: String should have at least 10 characters"),
        ("summary", None, "summary: Input should be a valid string"),
        ("summary", 5, "summary: Input should be a valid string"),
        ("sentiment", SECRET, "sentiment: Input should be 'POSITIVE', 'NEUTRAL' or 'NEGATIVE'"),
        ("category", "hours", "category: Input should be 'SCHEDULE_HOURS'"),
        ("escalated", SECRET, "escalated: Input should be a valid boolean"),
        ("forwarded_hr", 1.0, "forwarded_hr: Input should be a valid boolean"),
        ("questions", {"a": SECRET}, "questions: Input should be a valid tuple"),
    ],
)
def test_an_invalid_field_is_named_but_not_quoted(field: str, value: Any, problem: str) -> None:
    with pytest.raises(UnusableReply) as raised:
        read(**{field: value})
    assert len(raised.value.problems) == 1
    assert raised.value.problems[0].startswith(problem)
    assert SECRET not in str(raised.value)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
#: As likely right as wrong, field by field: so that many replies are nearly good.
NEARLY_OURS = st.fixed_dictionaries(
    {}, optional={name: st.just(value) | ANY_JSON for name, value in VALID_REPLY.items()}
)


@given(st.one_of(NEARLY_OURS, ANY_JSON).map(json.dumps) | st.text(st.characters()))
def test_any_content_is_an_analysis_or_an_unusable_reply(content: str) -> None:
    with suppress(UnusableReply):
        assert isinstance(read_content(content), Analysis)


@given(
    st.one_of(
        ANY_JSON,
        st.fixed_dictionaries({}, optional={"choices": ANY_JSON, "usage": ANY_JSON, "model": ANY_JSON}),
        st.fixed_dictionaries(
            {
                "choices": st.lists(
                    st.fixed_dictionaries({"message": st.just({"content": json.dumps(VALID_REPLY)}) | ANY_JSON})
                )
            },
            optional={"usage": st.fixed_dictionaries({}, optional={"prompt_tokens": ANY_JSON}), "error": ANY_JSON},
        ),
    )
)
def test_any_body_is_an_analysis_or_a_processing_error_and_has_an_outcome(body: Any) -> None:
    completion = Completion.read(json.dumps(body).encode())
    assert completion.end(None).outcome in ("answered", "rejected", "unknown")
    with suppress(ProcessingError):
        assert isinstance(read_completion(completion), Analysis)
        assert completion.end(None).outcome == "answered"


@given(st.binary())
def test_any_bytes_can_be_parsed_as_a_body(body: bytes) -> None:
    assert Completion.read(body).end(None).outcome in ("answered", "rejected", "unknown")
