"""Generated dialects: the reader detects each from the file alone, and reads what the csv module reads when told."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Literal

import duckdb
import pandas  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_core.parsing.csv_columns import COLUMNS
from livedash_core.parsing.csv_rows import CsvReader, Rejection, Row

WORD = st.sampled_from(["leave", "Urlaub", "congé", "", "ferie", "a b", "x;y", "x,y", "x|y", 'say "hi"', "two\nlines"])
NUMBER = st.sampled_from(["", "2", "700", "0.5", "12.25", "0.0014"])
WHOLE = st.sampled_from(["", "0", "2", "700"])


def row(number: int, words: list[str], numbers: list[str], message: str) -> list[str]:
    return [
        *(f"S-{number}", "02.03.2026 12:00:00", "02.03.2026 12:05:00", "192.0.2.1", "NL", "nl", numbers[0]),
        *(words[0], "no", "no", f"https://x.example/t/{number}.txt", numbers[1], numbers[2], numbers[3], words[1]),
        message,
    ]


ROWS = st.lists(
    st.tuples(st.tuples(WORD, WORD).map(list), st.tuples(WHOLE, NUMBER, WHOLE, NUMBER).map(list), WORD),
    min_size=1,
    max_size=6,
).map(lambda found: [row(number, *each) for number, each in enumerate(found)])


@given(
    rows=ROWS,
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    order=st.none() | st.permutations(range(len(COLUMNS))),
)
@settings(max_examples=150, deadline=None)
def test_a_dialect_is_detected_and_read_as_the_csv_module_reads_it(
    rows: list[list[str]], delimiter: str, quoting: Literal[0, 1], end: str, encoding: str, order: list[int] | None
) -> None:
    places = order or list(range(len(COLUMNS)))
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end)
    if order is not None:
        writer.writerow([COLUMNS[place] for place in places])
    writer.writerows([[each[place] for place in places] for each in rows])

    found = list(CsvReader(io.BytesIO(file.getvalue().encode(encoding))))

    told = list(csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=delimiter))[order is not None :]
    expected = [[each[places.index(column)] for column in range(len(COLUMNS))] for each in told]
    assert [[value or "" for value in each.values] for each in found if isinstance(each, Row)] == [
        [*(cell.strip() for cell in each[:-1]), each[-1]] for each in expected
    ]
    assert len(found) == len(rows)


@given(
    rows=ROWS,
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    has_header=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_pandas_reads_the_same_rows_when_told_the_dialect(
    rows: list[list[str]], delimiter: str, quoting: Literal[0, 1], end: str, encoding: str, has_header: bool
) -> None:
    content = written(rows, delimiter, quoting, end, has_header=has_header).encode(encoding)

    read = pandas.read_csv(
        io.BytesIO(content),
        sep=delimiter,
        encoding=encoding,
        header=0 if has_header else None,
        dtype=str,
        keep_default_na=False,
    )

    assert ours(content) == [list(row) for row in read.itertuples(index=False)]


def test_duckdb_reads_the_same_rows_or_sees_another_dialect(tmp_path: Path) -> None:
    """Its sniffer is not told that cells have kinds, so a rare delimiter inside cells may be the better one for it.

    A dialect that it does not see counts as a stated reason, if it is seldom.
    """
    path = tmp_path / "sessions.csv"
    agreed: list[bool] = []

    @given(
        rows=ROWS,
        delimiter=st.sampled_from(",;\t|"),
        quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        end=st.sampled_from(["\n", "\r\n"]),
    )
    @settings(max_examples=60, deadline=None, database=None)
    def compare(rows: list[list[str]], delimiter: str, quoting: Literal[0, 1], end: str) -> None:
        content = written(rows, delimiter, quoting, end, has_header=True).encode()
        path.write_bytes(content)
        with duckdb.connect() as database:
            sniffed = database.execute("SELECT delimiter, quote, hasheader FROM sniff_csv(?)", [str(path)]).fetchone()
            is_seen = sniffed is not None and sniffed[0] == delimiter and sniffed[1] in ('"', "(empty)") and sniffed[2]
            agreed.append(bool(is_seen))
            if is_seen:
                read = database.execute("SELECT * FROM read_csv(?, all_varchar = true)", [str(path)]).fetchall()
                assert ours(content) == [[cell or "" for cell in row] for row in read]

    compare()
    assert sum(agreed) > len(agreed) / 2


def written(rows: list[list[str]], delimiter: str, quoting: Literal[0, 1], end: str, *, has_header: bool) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerows([*([list(COLUMNS)] if has_header else []), *rows])
    return file.getvalue()


def ours(content: bytes) -> list[list[str]]:
    return [[value or "" for value in row.values] for row in CsvReader(io.BytesIO(content)) if isinstance(row, Row)]


HURTFUL = [
    '"',
    ",",
    ";",
    "\t",
    "|",
    "\n",
    "\r\n",
    "sep=;\n",
    "id,start,end\n",
    "\ufeff",
    "1,5",
    "a",
    "02.03.2026",
    "\0",
    "'",
    '\\"',
    "','",
]
LINE = ",".join(row(1, ["leave", "leave"], ["2", "2.5", "700", "0.01"], "hi"))


@given(st.lists(st.sampled_from([*HURTFUL, f"{LINE}\n", f"{LINE},\n", LINE.replace("2.5", "2,5") + "\n"]), max_size=40))
@settings(max_examples=150, deadline=None)
def test_nothing_raises_and_lines_stay_in_order(pieces: list[str]) -> None:
    results = list(CsvReader(io.BytesIO("".join(pieces).encode())))
    numbers = [result.line_number for result in results]
    assert numbers == sorted(set(numbers))
    for result in results:
        assert isinstance(result, Rejection) or (result.values[0] and len(result.values) == len(COLUMNS))


@pytest.mark.parametrize(
    "line",
    [
        'a,"b\n',
        '"x\n',
        f"{LINE},1,5,7\n",
        "id,start_time,end_time\n",
        "1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8\n",
        "x" * 80 + "\n",
    ],
    ids=["quotes", "open", "surplus", "headers", "numbers", "words"],
)
def test_time_is_linear(line: str) -> None:
    def seconds(lines: int) -> float:
        began = time.process_time()
        sum(1 for _ in CsvReader(io.BytesIO(line.encode() * lines)))
        return time.process_time() - began

    small, large = seconds(4_000), seconds(16_000)
    # Four times the lines, and as much again for the noise of a busy machine.
    assert large < 8 * small + 1
