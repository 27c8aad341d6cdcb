"""The sample company's material and what is generated from it. The files are read back with the standard library."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, time, timedelta
from ipaddress import ip_address

import pytest

from livedash_core.enums import CATEGORIES
from livedash_core.local.sample import (
    BOT_ONLY_ID,
    BROKEN_LINE_AFTER,
    DAYS,
    EMPTY_TRANSCRIPT_ID,
    IMPOSSIBLE_DATE_ID,
    NO_URL_ID,
    NOT_FOUND_ID,
    SESSIONS,
    Sample,
    build_sample,
)
from livedash_core.local.sample.material import Script, load_languages, load_unanswered

BASE_URL = "http://127.0.0.1:8099"
UNTIL = date(2026, 3, 31)
MESSAGE = re.compile(
    r"^(?:\[(\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d)\] )?(user|assistant|system): ", re.IGNORECASE | re.MULTILINE
)
WITHOUT_TRANSCRIPT = {NOT_FOUND_ID, NO_URL_ID, EMPTY_TRANSCRIPT_ID}


@pytest.fixture(scope="module")
def sample() -> Sample:
    return build_sample(BASE_URL, until=UNTIL)


@pytest.fixture(scope="module")
def lines(sample: Sample) -> list[list[str]]:
    return list(csv.reader(io.StringIO(sample.csv.decode(), newline=""), strict=True))


@pytest.fixture(scope="module")
def rows(lines: list[list[str]]) -> dict[str, list[str]]:
    return {line[0]: line for line in lines if len(line) == 16}


def messages(sample: Sample, external_id: str) -> list[tuple[str, str, str]]:
    """(time or empty, role, text) of each message of a transcript."""
    start, *parts = MESSAGE.split(sample.transcripts[f"/transcripts/{external_id}.txt"].decode())
    assert start == ""
    return [
        (at or "", role.title(), text.removesuffix("\n"))
        for at, role, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    ]


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%d.%m.%Y %H:%M:%S")


def test_the_same_day_gives_the_same_bytes_in_any_process() -> None:
    program = (
        "import datetime, hashlib; from livedash_core.local.sample import build_sample;"
        f"sample = build_sample({BASE_URL!r}, until=datetime.date.fromisoformat({UNTIL.isoformat()!r}));"
        "print(hashlib.sha256(repr(sample).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_another_day_moves_the_same_conversations(sample: Sample, rows: dict[str, list[str]]) -> None:
    later = build_sample(BASE_URL, until=UNTIL + timedelta(days=17))
    moved = {line[0]: line for line in csv.reader(io.StringIO(later.csv.decode(), newline="")) if len(line) == 16}
    assert [(row[5], row[7], row[14]) for row in moved.values()] == [(row[5], row[7], row[14]) for row in rows.values()]
    assert all(moved[external_id][1] != rows[external_id][1] for external_id in rows.keys() - {IMPOSSIBLE_DATE_ID})


def test_there_are_109_rows_and_one_broken_line_between_them(
    lines: list[list[str]], rows: dict[str, list[str]]
) -> None:
    assert SESSIONS == 109
    assert list(rows) == [f"LV-{number:04}" for number in range(1, 110)]
    assert [(position, len(line)) for position, line in enumerate(lines) if len(line) != 16] == [(BROKEN_LINE_AFTER, 5)]


def test_half_of_the_sessions_are_dutch_and_the_rest_english_german_french_and_spanish(
    rows: dict[str, list[str]],
) -> None:
    code = {label: code for code, language in load_languages().items() for label in language.language_labels}
    assert Counter(code[row[5]] for row in rows.values()) == {"nl": 55, "en": 23, "de": 20, "fr": 6, "es": 5}


def test_every_category_occurs_in_at_least_three_sessions(rows: dict[str, list[str]]) -> None:
    scripts = [script for language in load_languages().values() for script in language.scripts]
    sessions = Counter(category for script in scripts for category in [script.category] * len(script.openings))
    assert set(sessions) == set(CATEGORIES)
    assert min(sessions.values()) >= 3
    assert {row[14] for row in rows.values()} == {script.label for script in [*scripts, load_unanswered()]}


def test_the_sources_own_labels_vary(rows: dict[str, list[str]]) -> None:
    assert {row[7] for row in rows.values()} >= {"neutral", "happy", "frustrated", "negative", "angry", "excited"}
    for column in (8, 9):
        answers = Counter(row[column] for row in rows.values())
        assert set(answers) == {"yes", "no"}
        assert 5 <= answers["yes"] <= 30


def test_there_are_at_least_sixty_scripts_and_no_two_sessions_begin_alike(rows: dict[str, list[str]]) -> None:
    scripts = [script for language in load_languages().values() for script in language.scripts]
    assert len({script.name for script in scripts}) == len(scripts) >= 60
    assert len({row[15] for row in rows.values()}) == SESSIONS


def test_a_conversation_has_two_to_ten_messages_and_no_placeholder_is_left(
    sample: Sample, rows: dict[str, list[str]]
) -> None:
    for external_id in rows.keys() - WITHOUT_TRANSCRIPT:
        conversation = messages(sample, external_id)
        assert 2 <= len(conversation) <= 10
        assert all(text == text.strip() and text and not re.search("[{}]", text) for _, _, text in conversation)


def test_the_first_user_message_of_a_transcript_is_the_rows_initial_message(
    sample: Sample, rows: dict[str, list[str]]
) -> None:
    for external_id in rows.keys() - WITHOUT_TRANSCRIPT - {BOT_ONLY_ID}:
        said = [text for _, role, text in messages(sample, external_id) if role == "User"]
        assert said[0] == rows[external_id][15]
        assert str(len(said)) == rows[external_id][6]


def test_initial_messages_hold_what_csv_must_quote(rows: dict[str, list[str]]) -> None:
    for character in (",", '"', "\n"):
        assert sum(character in row[15] for row in rows.values()) >= 2


def test_sessions_lie_on_working_hours_of_the_days_before_until(sample: Sample, rows: dict[str, list[str]]) -> None:
    starts = []
    for external_id in rows.keys() - {IMPOSSIBLE_DATE_ID}:
        start, end = moment(rows[external_id][1]), moment(rows[external_id][2])
        starts.append(start)
        assert UNTIL - timedelta(days=DAYS) <= start.date() < UNTIL
        assert start.weekday() < 5
        assert time(7) <= start.time() < time(18)
        assert timedelta(0) < end - start < timedelta(minutes=30)
        if external_id not in WITHOUT_TRANSCRIPT:
            times = [moment(at) for at, _, _ in messages(sample, external_id) if at]
            assert times == sorted(times)
            assert all(start <= at <= end for at in times)
    assert len({start.date() for start in starts}) == 10


def test_most_transcripts_have_times_some_have_none_and_none_has_both(
    sample: Sample, rows: dict[str, list[str]]
) -> None:
    shapes = [{bool(at) for at, _, _ in messages(sample, id_)} for id_ in rows.keys() - WITHOUT_TRANSCRIPT]
    assert all(len(shape) == 1 for shape in shapes)
    assert shapes.count({True}) > 75
    assert shapes.count({False}) >= 5


def test_numbers_and_addresses_are_well_formed(rows: dict[str, list[str]]) -> None:
    for row in rows.values():
        # The documentation ranges count as private.
        assert ip_address(row[3]).is_private
        assert re.fullmatch("[A-Z]{2}", row[4])
        assert float(row[11]) >= 0
        assert int(row[12]) > 0
        assert re.fullmatch(r"0\.\d{4}", row[13])


def test_five_sessions_are_faulty_on_purpose(sample: Sample, rows: dict[str, list[str]]) -> None:
    urls = {external_id: row[10] for external_id, row in rows.items()}
    assert urls.pop(NO_URL_ID) == ""
    assert urls == {external_id: f"{BASE_URL}/transcripts/{external_id}.txt" for external_id in urls}
    assert urls.keys() - {path.removeprefix("/transcripts/")[:-4] for path in sample.transcripts} == {NOT_FOUND_ID}
    assert [path for path, body in sample.transcripts.items() if not body] == [
        f"/transcripts/{EMPTY_TRANSCRIPT_ID}.txt"
    ]
    assert rows[IMPOSSIBLE_DATE_ID][1].startswith("31.02.2026 ")
    assert {at for at, _, _ in messages(sample, IMPOSSIBLE_DATE_ID)} == {""}
    assert {role for _, role, _ in messages(sample, BOT_ONLY_ID)} == {"Assistant", "System"}
    assert rows[BOT_ONLY_ID][15] == ""


@pytest.mark.parametrize("until", [date(2024, 3, 1), date(2026, 1, 1), date(2026, 1, 31), date(2028, 2, 29)])
def test_it_can_be_built_for_any_day(until: date) -> None:
    assert len(build_sample(BASE_URL, until=until).transcripts) == SESSIONS - 2


def test_a_message_must_have_a_wording_for_each_opening() -> None:
    with pytest.raises(ValueError, match="greet: 3 wordings of a message for 2 openings"):
        Script(
            name="greet",
            category="SOCIAL_QUESTIONS",
            label="Small talk",
            sentiment="neutral",
            openings=("Hoi", "Hallo"),
            messages=(("Assistant", ("a", "b", "c")),),
        )
