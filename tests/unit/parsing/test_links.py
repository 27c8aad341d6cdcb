"""Transcript addresses as programs write them in cells."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from livedash_core.parsing.csv_columns import COLUMNS
from livedash_core.parsing.csv_reading import date_order_of
from livedash_core.parsing.csv_rows import CsvReader
from livedash_core.parsing.links import address_in
from livedash_core.stages.csv_import.staging import Reading
from tests.unit.parsing.test_csv_products import file, record

ADDRESS = "https://chat.example/get?chat=7&lang=da"


@pytest.mark.parametrize(
    "cell",
    [
        "https://chat.example/get?chat=7&amp;lang=da",
        "https://chat.example/get?chat=7&amp;amp;lang=da",
        "https://chat.example/get?chat=7&AMP;lang=da",
        "https://chat.example/get?chat=7&#38;lang=da",
        "https://chat.example/get?chat=7&#x26;lang=da",
        f"<{ADDRESS}>",
        f'"{ADDRESS}"',
        f"'{ADDRESS}'",
        f"'{ADDRESS}",
        f"`{ADDRESS}`",
        f"“{ADDRESS}”",
        f"[the transcript]({ADDRESS})",
        f"[](<{ADDRESS}>)",
        f'[the transcript]({ADDRESS} "opens")',
        '<a href="https://chat.example/get?chat=7&amp;lang=da">open</a>',
        "<a target=_blank href='https://chat.example/get?chat=7&amp;lang=da'><b>open</b></a>",
        "https:\\/\\/chat.example\\/get?chat=7&lang=da",
        "https%3A%2F%2Fchat.example%2Fget%3Fchat%3D7%26lang%3Dda",
    ],
)
def test_the_address_is_taken_and_counted(cell: str) -> None:
    assert address_in(cell) == ADDRESS
    reader = CsvReader(io.BytesIO(file([record(n, full_transcript_url=cell) for n in range(3)], list(COLUMNS))))
    reading = Reading(SimpleNamespace(company_name="Acme", timezone="UTC"), lambda: False, date_order_of(reader))
    staged: list[tuple[str | None, ...]] = []
    reading.stage(reader, [staged.append])
    assert {row[2 + COLUMNS.index("full_transcript_url")] for row in staged} == {ADDRESS}
    assert reading.notes[0].startswith("3 transcript addresses")


@pytest.mark.parametrize(("last", "is_noted"), [("0", True), ("7", False)])
def test_long_ids_that_a_spreadsheet_rounded_are_noted(last: str, is_noted: bool) -> None:
    rows = [record(n, external_session_id=f"45320151128{n:04}{last}") for n in range(6)]
    reader = CsvReader(io.BytesIO(file(rows, list(COLUMNS))))
    reading = Reading(SimpleNamespace(company_name="Acme", timezone="UTC"), lambda: False, date_order_of(reader))
    reading.stage(reader, [lambda _: None])
    assert any("end in zeros" in note for note in reading.notes) is is_noted


@pytest.mark.parametrize(
    "cell",
    [
        ADDRESS,
        "https://chat.example/get?copy=1&para=2&lt=3;v=1",
        "https://chat.example/a;b&amp",
        "https://chat.example/?back=https%3A%2F%2Fother.example",
        "https://chat.example/a%2520b.txt",
        "https://chat.example/it's.txt",
        "/transcripts/7.txt",
        "<none>",
        "[7](see the archive)",
        "https://chat.example/1.txt; https://chat.example/2.txt",
    ],
)
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert address_in(cell) == cell
