from __future__ import annotations

import collections
import contextlib
import csv
import io
import tempfile
import tracemalloc
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import BinaryIO, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from livedash_core.errors import PermanentError
from livedash_core.parsing.csv_rows import _NO_IDS, COLUMNS, MAX_RAW_CHARACTERS, Rejection, Row, read_rows
from livedash_core.parsing.encoding import encoding_of
from livedash_core.parsing.lines import Lines
from livedash_core.parsing.text import NULLS, clean


def cells(external_id: str = "s1", *, initial_message: str = "hi") -> list[str]:
    """The 16 cells of a row, each of its column's kind."""
    times = ["02.03.2026 12:00:00", "02.03.2026 12:05:00"]
    labels = ["192.0.2.1", "NL", "nl", "2", "neutral", "no", "no", "https://x.example/t.txt"]
    return [external_id, *times, *labels, "2.5", "700", "0.0014", "leave", initial_message]


def line(external_id: str = "s1", *, separator: str = ",", message: str = "hi") -> str:
    return separator.join(cells(external_id, initial_message=message))


def read(content: str | bytes, **limits: int) -> list[Row | Rejection]:
    return list(read_rows(io.BytesIO(content.encode() if isinstance(content, str) else content), **limits))


def ids(results: list[Row | Rejection]) -> list[str | None]:
    """The external ids of rows, in order; a rejection is "rejected N" with its line number."""
    return [result.values[0] if isinstance(result, Row) else f"rejected {result.line_number}" for result in results]


def test_a_line_of_sixteen_columns_is_a_row() -> None:
    assert read(line() + "\n") == [Row(1, tuple(cells()))]


def test_values_are_stripped_but_the_initial_message_is_not() -> None:
    [row] = read(" s1 ,\t,  ,1.2.3.4 " + "," * 11 + ",  hi \n")
    assert isinstance(row, Row)
    assert row.values == ("s1", None, None, "1.2.3.4", *[None] * 11, "  hi ")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_quoted_fields_may_hold_separators_quotes_and_line_ends(end: str) -> None:
    message = f'He said ""x, y""{end}{end}bye'
    results = read(f"{line('a')}{end}{end}{line('b', message=chr(34) + message + chr(34))}{end}{line('c')}")
    assert ids(results) == ["a", "b", "c"]
    assert [result.line_number for result in results] == [1, 3, 6]
    assert isinstance(results[1], Row)
    assert results[1].values[-1] == message.replace('""', '"')


def test_blank_lines_are_ignored() -> None:
    assert ids(read(f"\n  \t\n\r\n\0\n{line('a')}\n\n\n{line('b')}\n \n")) == ["a", "b"]


@pytest.mark.parametrize(
    "name", ["external_session_id", "sessionId", "SESSION_ID", " Session Id ", "externalSessionId"]
)
@pytest.mark.parametrize("columns", [16, 17, 3])
def test_a_header_is_ignored(name: str, columns: int) -> None:
    header = ",".join([name, *COLUMNS[1:], ""][:columns])
    assert ids(read(f"{header}\n{line('a')}\n")) == ["a"]


def test_an_id_that_begins_like_a_header_is_data() -> None:
    assert ids(read(line("session_id_1"))) == ["session_id_1"]


def test_empty_columns_at_the_end_are_ignored_and_others_are_not() -> None:
    results = read(f"{line('a')},\n{line('b')}, \n{line('c')},,,,\n{line('d')},x\n")
    assert ids(results) == ["a", "b", "c", "rejected 4"]


def test_a_comma_in_a_file_with_semicolons_is_text() -> None:
    content = f"{line('a', separator=';')}\n{line('b', separator=';', message='one, two')}\n{line('c')}\n"
    assert ids(read(content)) == ["a", "b", "rejected 3"]


def test_semicolons_in_a_comma_file_are_text() -> None:
    content = f"{line('a', message=';' * 15)}\nx{';' * 15}\n{line('b')}\n"
    assert ids(read(content)) == ["a", "rejected 2", "b"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("a,b", "2 instead of 16 columns"),
        (line() + ",x", "17 instead of 16 columns"),
        (line(" "), "has no external_session_id"),
        ("," * 15, "has no external_session_id"),
        (line("x" * 501), "has an external_session_id of more than 500 characters"),
        ('"a"x,b', "cannot be read as CSV: ',' expected after '\"'"),
        ('a,"b', "cannot be read as CSV"),
        ('"' + line(), "cannot be read as CSV"),
        (line(message="x" * 101), "has a initial_message of more than 100 characters"),
        (line("x" * 101), "has a external_session_id of more than 100 characters"),
        (line(message="x" * 5_000), "cannot be read as CSV: more than 1,600 characters"),
        (line("1.23457E+15"), "a spreadsheet shortened to 1.23457E+15"),
    ],
)
def test_a_broken_line_is_rejected_with_its_reason_and_reading_goes_on(broken: str, reason: str) -> None:
    results = read(f"{line('a')}\n{broken}\n{line('b')}\n{line('c')}\n", max_field_characters=100)
    assert ids(results) == ["a", "rejected 2", "b", "c"]
    assert isinstance(results[1], Rejection)
    assert reason in results[1].reason
    assert results[1].raw_text == broken[:1_601]


@pytest.mark.parametrize("rows", [3, 20_000])
def test_an_unclosed_quote_costs_one_line(rows: int) -> None:
    good = [str(number) for number in range(rows)]
    results = read('x,"unclosed\n' + "".join(line(number) + "\n" for number in good))
    assert ids(results) == ["rejected 1", *good]


def test_a_record_that_spans_lines_is_rejected_whole_when_only_its_values_are_wrong() -> None:
    without_id = line("", message='"one\ntwo"')
    results = read(f"{without_id}\n{line('b')}\n")
    assert ids(results) == ["rejected 1", "b"]
    assert isinstance(results[0], Rejection)
    assert results[0].raw_text == without_id


@pytest.mark.parametrize("lines", [260, 10_000])
def test_a_quoted_cell_may_span_any_number_of_lines(lines: int) -> None:
    message = "\n".join(["word"] * lines)
    [row, other] = read(f"{line('a', message=chr(34) + message + chr(34))}\n{line('b')}\n")
    assert isinstance(row, Row)
    assert row.values[-1] == message
    assert other.line_number == lines + 1


def test_the_raw_text_of_a_rejection_is_cut() -> None:
    [rejection] = read("x" * (MAX_RAW_CHARACTERS + 1))
    assert isinstance(rejection, Rejection)
    assert rejection.raw_text == "x" * MAX_RAW_CHARACTERS


def test_a_field_above_the_csv_modules_own_limit_is_read_and_the_process_limit_never_falls() -> None:
    before = csv.field_size_limit()
    message = "x" * 500_000
    [row] = read(line(message=message))
    assert isinstance(row, Row)
    assert row.values[-1] == message
    raised = csv.field_size_limit()
    assert raised >= max(before, 500_000)
    read(line(), max_field_characters=10)
    assert csv.field_size_limit() == raised


def test_nul_is_stripped() -> None:
    [row] = read(line(message="a\0b"))
    assert isinstance(row, Row)
    assert row.values[-1] == "ab"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_encodings_that_companies_export_are_read(encoding: str) -> None:
    results = read(f"{line('Zürich', message='5 €')}\r\n{line('b')}\r\n".encode(encoding))
    assert ids(results) == ["Zürich", "b"]
    assert isinstance(results[0], Row)
    assert results[0].values[-1] == "5 €"


def test_a_cut_character_costs_its_own_row_only() -> None:
    content = f"{line('Zürich')}\n".encode() + line("b").encode() + b"\xc3\n" + f"{line('Köln')}\n".encode()
    results = read(content)
    assert ids(results) == ["Zürich", "rejected 2", "Köln"]
    assert isinstance(results[1], Rejection)
    assert "not UTF-8" in results[1].reason
    assert results[1].raw_text == line("b") + "\ufffd"


def test_bytes_that_are_not_text_are_refused_before_the_first_row() -> None:
    with pytest.raises(PermanentError, match="export it as UTF-8"):
        next(read_rows(io.BytesIO(f"{line()}\n".encode() + b"\x81\xe9")))


@pytest.fixture
def real_file() -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as file:
        yield file


def test_the_file_is_read_from_its_start_and_stays_open(real_file: BinaryIO) -> None:
    real_file.write(f"{line('a')}\n{line('b')}\n".encode())
    assert ids(list(read_rows(real_file))) == ["a", "b"]
    abandoned = read_rows(real_file)
    next(abandoned)
    del abandoned
    assert ids(list(read_rows(real_file))) == ["a", "b"]


def test_closing_the_file_while_reading_raises_no_warning(real_file: BinaryIO) -> None:
    real_file.write(f"{line('a')}\n{line('b')}\n".encode())
    rows = read_rows(real_file)
    next(rows)
    real_file.close()
    del rows


def test_a_line_without_end_is_never_held_in_memory_whole() -> None:
    class Endless(io.RawIOBase):
        """Sixteen megabytes without a line end, then a row; it tells how far it was read."""

        content = b"x" * 16_000_000 + b"\n" + line("a").encode()
        position = 0

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0) -> int:
            self.position = offset
            return offset

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # a memoryview is all that io passes
            piece = self.content[self.position : self.position + len(buffer)]
            buffer[: len(piece)] = piece
            self.position += len(piece)
            return len(piece)

    results = list(read_rows(io.BufferedReader(Endless()), max_field_characters=1_000))
    assert ids(results) == ["rejected 1", "a"]


HOSTILE = {
    # In an unquoted cell a quote is text, so that each line opens one whatever was open above it.
    "every line closes a quote and opens another": ['a","b\n'],
    "the same, in long lines": ['a","' + "b" * 900 + "\n"],
    "every line opens a quote": ['"x\n'],
    "every line opens a quote behind a separator": ['a,"x\n'],
    "a short line before a long one": ['"\n', '"' + "x" * 2_000 + "\n"],
    "quotes that close and records of one column": ['"a\n', 'b"\n'],
    "nothing but quotes": ['"""\n'],
    "separators": ["," * 50 + "\n"],
}


@pytest.mark.parametrize("lines", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_read_a_few_times_over_and_no_more(lines: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livedash_core.parsing.lines._INITIAL_ALLOWANCE", 20_000)
    content = "".join(lines) * 4_000
    read_characters = 0
    hand_out = Lines.__next__

    def count(self: Lines) -> str:
        nonlocal read_characters
        line = hand_out(self)
        read_characters += len(line)
        return line

    monkeypatch.setattr(Lines, "__next__", count)
    results = read(content, max_field_characters=3_000)
    assert all(isinstance(result, Rejection) for result in results)
    # Once, four times again, and what the last looks ahead may overdraw; it would be two hundred times, and twice that.
    assert read_characters < 12 * len(content)


def test_after_too_many_open_quotes_a_record_ends_on_its_line_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livedash_core.parsing.lines._INITIAL_ALLOWANCE", 1)
    good = line("good", message='"two\nlines"')
    results = read(f'{line("a")}\n"x\n{line("b")}\n{line("c")}\n{good}\n{line("d")}\n{good}\n')
    assert ids(results) == ["a", "rejected 2", "b", "c", "rejected 5", "rejected 6", "d", "good"]
    assert isinstance(results[4], Rejection)
    assert "not closed on its line, as on too many lines above" in results[4].reason


def test_a_file_with_a_line_too_many_is_refused_there() -> None:
    rows = read_rows(io.BytesIO(f"{line('a')}\n\n{line('b')}\n".encode()), max_lines=2)
    assert isinstance(next(rows), Row)
    with pytest.raises(PermanentError, match="more than 2 lines"):
        next(rows)


@pytest.mark.parametrize("lines", HOSTILE.values(), ids=HOSTILE)
def test_memory_does_not_grow_with_a_hostile_file(lines: list[str], tmp_path: Path) -> None:
    path = tmp_path / "hostile.csv"
    path.write_text("".join(lines) * (8_000_000 // len("".join(lines))))
    tracemalloc.start()
    try:
        with path.open("rb") as file:
            collections.deque(islice(read_rows(file, max_field_characters=3_000), 3_000), maxlen=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000, "the encoding is told from pieces of a megabyte, a record is 48,000 characters at most"


def test_a_record_of_cells_that_are_each_within_their_limit_is_not_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    cell = "\U0001f600" * 1_000_000
    path.write_text(f"{line('a')}\nb,{','.join([cell] * 15)}\n{line('c')}\n", encoding="utf-8")
    tracemalloc.start()
    try:
        with path.open("rb") as file:
            found = list(read_rows(file))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert ids(found) == ["a", "rejected 2", "c"]
    assert peak < 60_000_000, "a record of 2,097,152 characters of four bytes, and copies"


#: What hurts: quotes, separators, line ends, blanks, NUL, bytes that are not UTF-8.
HURTFUL = [b'"', b",", b";", b"\n", b"\r", b"\r\n", b" ", b"\0", b"a", b"\xff", "é".encode(), b"," * 15, b"b;" * 15]


def is_blank(lines: list[str]) -> bool:
    return not "".join(lines).replace("\0", "").strip().strip("\x1a")


def readings(lines: list[str]) -> Iterator[list[list[str]]]:
    """What the csv module makes of a row's own lines, with every delimiter."""
    for delimiter in ",;\t|^~¦\x01\x1f":
        with contextlib.suppress(csv.Error):
            yield list(csv.reader((each.replace("\0", "") for each in lines), delimiter=delimiter, strict=True))


@given(st.binary(max_size=300) | st.lists(st.sampled_from(HURTFUL), max_size=60).map(b"".join))
@example(b'a",b,"\n' * 5)
@settings(max_examples=300, deadline=None)
def test_every_line_of_any_file_is_in_one_row_or_one_rejection(content: bytes) -> None:
    try:
        results = read(content)
    except PermanentError:
        return
    text = content.decode(encoding_of(io.BytesIO(content)).name, "surrogateescape")
    physical = list(io.StringIO(text, newline=""))
    starts = [result.line_number for result in results]
    assert is_blank(physical[: starts[0] - 1] if starts else physical)
    for result, (start, next_start) in zip(results, pairwise([*starts, len(physical) + 1]), strict=True):
        own = physical[start - 1 : next_start - 1]
        if isinstance(result, Row):
            assert any(
                [value.strip() for value in record[:15]] == [value or "" for value in result.values[:15]]
                and record[15] == (result.values[15] or "")
                and is_blank(["".join(rest) for rest in [record[16:], *others]])
                for record, *others in readings(own)
            )
        else:
            assert clean("".join(own)).startswith(result.raw_text)
            assert is_blank([clean("".join(own)).removeprefix(result.raw_text)])


#: Cells as csv.writer may be given them; none begins or ends in white space, none has invisible characters alone.
CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cf",)), max_size=4)
CELL = CELL.map(str.strip)
CELL |= st.sampled_from(['"', ",", "a\r\nb", "c\nd", "e\rf", ";;", ',"', '""'])
#: Most cells of a row are alike: sixteen different ones would only make the search slow.
ROWS = st.lists(
    st.builds(
        lambda external_id, middle, last: (str(external_id), *middle, *[""] * (14 - len(middle)), last),
        st.uuids(),
        st.lists(CELL, max_size=4),
        CELL,
    ),
    min_size=1,
    max_size=3,
)


def written(rows: list[tuple[str, ...]], *, delimiter: str = ",", quoting: Literal[0, 1] = csv.QUOTE_MINIMAL) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, quoting=quoting).writerows(rows)
    return file.getvalue().encode()


def taken(results: list[Row | Rejection]) -> list[tuple[str, ...]]:
    return [tuple(value or "" for value in result.values) for result in results if isinstance(result, Row)]


@given(ROWS, st.sampled_from(",;"), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
@settings(max_examples=100, deadline=None)
def test_what_csv_writer_wrote_is_read_back(
    rows: list[tuple[str, ...]], delimiter: str, quoting: Literal[0, 1]
) -> None:
    results = read(written(rows, delimiter=delimiter, quoting=quoting))
    assert taken(results) == rows
    assert len(results) == len(rows)


@example([("id", ",0", *[""] * 14)], b'x,"unclosed')
@given(ROWS, st.sampled_from([b'x,"unclosed', b'"a"x,b', b"short", b'"', b'a","b', b"," * 20, b"\xff,x"]))
@settings(max_examples=100, deadline=None)
def test_what_csv_writer_wrote_is_read_back_after_a_broken_line(rows: list[tuple[str, ...]], broken: bytes) -> None:
    results = read(broken + "\nmostly UTF-8: é\n".encode() + written(rows))
    assert ids(results)[:2] == ["rejected 1", "rejected 2"]
    assert taken(results) == rows


@pytest.mark.parametrize("word", sorted(NULLS | _NO_IDS))
def test_every_word_for_nothing_is_refused_as_an_id(word: str) -> None:
    row = [word, "2026-01-01 08:00:00", "2026-01-01 08:05:00", *[""] * (len(COLUMNS) - 4), "Hello"]
    written = io.StringIO()
    csv.writer(written).writerows([["S1", *row[1:]], row])
    first, second = read_rows(io.BytesIO(written.getvalue().encode()))

    assert isinstance(first, Row)
    assert isinstance(second, Rejection)
    assert second.reason.startswith("has no external_session_id")
