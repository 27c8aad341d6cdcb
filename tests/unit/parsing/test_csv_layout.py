"""The layouts that companies export: each is a table of files, and what is read from them."""

from __future__ import annotations

import io

import pytest

from livedash_core.parsing.csv_rows import COLUMNS, CsvReader, Rejection, Row
from tests.unit.parsing.test_csv_rows import cells, ids

AVERAGE, TOKENS, COST = (COLUMNS.index(name) for name in ("avg_response_time_seconds", "tokens", "tokens_eur"))
NAMES = list(COLUMNS)


def read(*records: list[str] | str, separator: str = ",", end: str = "\n") -> list[Row | Rejection]:
    """Read records without quotes; a string is a line as it is."""
    lines = [record if isinstance(record, str) else separator.join(record) for record in records]
    return list(CsvReader(io.BytesIO(end.join([*lines, ""]).encode())))


def numbers(result: Row | Rejection) -> tuple[str | None, ...]:
    assert isinstance(result, Row), result
    return tuple(result.values[column] for column in (AVERAGE, TOKENS, COST))


def row(external_id: str = "a", **columns: str) -> list[str]:
    return list((dict(zip(COLUMNS, cells(external_id), strict=True)) | columns).values())


def split(external_id: str, average: str, tokens: str, cost: str, *rest: str) -> list[str]:
    """A row whose numbers are written without quotes."""
    return [*cells(external_id)[:AVERAGE], *f"{average},{tokens},{cost}".split(","), *rest]


# --- decimal commas without quotes


@pytest.mark.parametrize("rest", [(), ("leave",), ("leave", "hi"), ("", ""), ("leave", ""), ("leave", "hi", "", "")])
@pytest.mark.parametrize(
    ("average", "tokens", "cost"),
    [("1,5", "700", "0,01"), ("1.5", "700", "0,01"), ("1,5", "700", "0.01"), ("1,5", "700,0", "0,01")],
)
def test_a_decimal_comma_without_quotes_shifts_no_cell(average: str, tokens: str, cost: str, rest: tuple[str, ...]):
    results = read(split("a", average, tokens, cost, *rest), split("b", average, tokens, cost, *rest))
    for result in results:
        assert numbers(result) == (average, tokens, cost)
        assert isinstance(result, Row)
        assert [value or "" for value in result.values[14:]] == [*rest, "", ""][:2]


def test_split_numbers_are_joined_only_if_all_rows_are_alike():
    results = read(row("a"), split("b", "1,5", "700", "0.01", "leave", "hi"), row("c"))
    assert ids(results) == ["a", "rejected 2", "c"]
    assert isinstance(results[1], Rejection)
    assert "17 instead of 16 columns; is there a decimal comma without quotes?" in results[1].reason


def test_a_row_that_a_decimal_comma_makes_as_long_as_a_whole_one_is_not_read_shifted():
    results = read(row("a"), split("b", "1,5", "700", "0.01", "leave"), row("c"))
    assert ids(results) == ["a", "rejected 2", "c"]
    assert isinstance(results[1], Rejection)
    assert "decimal comma" in results[1].reason


def test_numbers_of_which_only_some_have_a_fraction_are_rejected_rather_than_guessed():
    results = read(split("a", "1,5", "700", "0,01", "leave", "hi"), split("b", "2", "700", "0,01", "leave", "hi"))
    assert any(isinstance(result, Rejection) for result in results)
    for result in results:
        assert isinstance(result, Rejection) or numbers(result) in [("1,5", "700", "0,01"), ("2", "700", "0,01")]


def test_what_can_be_read_in_two_ways_is_rejected():
    results = read(*([*cells(name)[:AVERAGE], "1", "5", "100", "", "", ""] for name in "abc"))
    assert ids(results) == ["rejected 1", "rejected 2", "rejected 3"]


# --- more and fewer cells


@pytest.mark.parametrize("missing", [1, 2])
def test_the_last_cells_may_be_missing(missing: int):
    assert ids(read(row("a"), row("b")[:-missing], row("c"))) == ["a", "b", "c"]


@pytest.mark.parametrize("surplus", [1, 2, 4, 30])
def test_empty_columns_behind_the_last_are_ignored(surplus: int):
    assert ids(read(*([*row(name), *[""] * surplus] for name in "abc"))) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "broken",
    [
        row("x")[:-3],
        [*row("x"), "text"],
        ["x", *row("x")],
        [*row("x")[:4], "Utrecht", *row("x")[4:-1], ""],
        [*row("x")[:2], *row("x")[3:]],
        [*row("x")[:12], *row("x")[13:]],
        row("x")[:11],
    ],
    ids=["13", "text", "id twice", "inserted", "no end", "no tokens", "cut"],
)
def test_rows_whose_cells_do_not_fit_are_rejected(broken: list[str]):
    results = read(row("a"), broken, row("c"))
    assert ids(results) == ["a", "rejected 2", "c"]


# --- headers


@pytest.mark.parametrize("order", [NAMES, NAMES[::-1], [*NAMES[5:], *NAMES[:5]]], ids=["same", "reversed", "rotated"])
@pytest.mark.parametrize(
    "spelling",
    [str, str.upper, lambda name: name.replace("_", " "), lambda name: f' "{name.title().replace("_", "")}"'[1:]],
    ids=["as here", "upper case", "spaces", "camel case"],
)
def test_known_names_are_read_in_any_order(order: list[str], spelling):
    values = dict(zip(COLUMNS, cells("a", initial_message="first"), strict=True))
    [result] = read([spelling(name) for name in order], [values[name] for name in order])
    assert isinstance(result, Row)
    assert result.values == tuple(cells("a", initial_message="first"))


@pytest.mark.parametrize(
    "names",
    [
        "Sessie-ID,Starttijd,Eindtijd,IP-adres,Land,Taal,Berichten,Sentiment,Geëscaleerd,HR,URL,Antwoordtijd,Tokens,"
        "Kosten,Categorie,Eerste bericht",
        "Sitzungs-ID,Beginn,Ende,IP-Adresse,Land,Sprache,Nachrichten,Stimmung,Eskaliert,Weitergeleitet HR,Transkript,"
        "Antwortzeit,Tokens,Kosten,Kategorie,Erste Nachricht",
        "ID session,Début,Fin,IP,Pays,Langue,Messages,Sentiment,Escaladé,Transmis RH,Transcription,Temps de réponse,"
        "Jetons,Coût,Catégorie,Premier message",
    ],
    ids=["Dutch", "German", "French"],
)
def test_translated_names_are_read_in_another_order(names: str):
    [result] = read(names.split(",")[::-1], cells("a")[::-1])
    assert isinstance(result, Row)
    assert result.values == tuple(cells("a"))


def test_columns_that_are_not_ours_are_ignored_and_missing_ones_are_empty():
    [result] = read(
        "tenant,id,start_time,end_time,session_id,tokens", "t1,7,02.03.2026 12:00:00,02.03.2026 12:05:00,S1,9"
    )
    assert isinstance(result, Row)
    assert (result.values[0], result.values[TOKENS], result.values[AVERAGE]) == ("S1", "9", None)


@pytest.mark.parametrize("first", ["id", "Session-ID", "kenmerk", "Vorgang", "\ufeffid"])
@pytest.mark.parametrize(
    "others", [["x"] * 15, ["start_time", "end_time", *["x"] * 13], ["begin", "einde", *["?o"] * 13]]
)
def test_an_unknown_first_line_of_words_is_a_header(first: str, others: list[str]):
    assert ids(read([first, *others], row("a"), row("b"))) == ["a", "b"]


@pytest.mark.parametrize("start", ["31.02.2026 12:00:00", "", "yesterday", "2.3.26"])
def test_a_first_row_with_a_bad_date_is_no_header(start: str):
    assert ids(read(row("a", start_time=start), row("b"))) == ["a", "b"]


def test_repeated_headers_of_concatenated_files_are_ignored():
    header = "Kenmerk,Van,Tot," + ",".join(["x"] * 13)
    assert ids(read(header, row("a"), header, row("b"), f"\ufeff{header}", row("c"))) == ["a", "b", "c"]


def test_a_file_appended_with_its_columns_in_another_order_is_read_by_its_own_header():
    results = read(NAMES, row("a"), NAMES[::-1], row("b")[::-1], NAMES, row("c"))
    assert ids(results) == ["a", "b", "c"]


def test_a_title_above_the_header_is_rejected_and_the_header_is_not():
    assert ids(read("Export of March", NAMES[::-1], row("a")[::-1])) == ["rejected 1", "a"]


def test_a_header_alone_is_no_row():
    assert read(NAMES) == []


# --- delimiters


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_are_detected(separator: str, end: str):
    others = {",", ";", "\t", "|"} - {separator}
    message = "".join(15 * other for other in others)
    assert ids(read(row("a", initial_message=message), row("b"), separator=separator, end=end)) == ["a", "b"]


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;"])
def test_excels_line_that_names_the_delimiter_is_honoured_and_ignored(line: str):
    assert ids(read(line, row("a"), row("b"), separator=";", end="\r\n")) == ["a", "b"]


def test_any_delimiter_that_excels_line_names_is_read():
    assert ids(read("sep=^", row("a"), separator="^")) == ["a"]


def test_quotes_behind_a_space_are_quotes():
    quoted = ", ".join(f'"{cell}"' for cell in row("a", initial_message="x, y"))
    [result] = read(quoted)
    assert isinstance(result, Row)
    assert (result.values[0], result.values[4], result.values[-1]) == ("a", "NL", "x, y")


# --- marks and characters that do not show


@pytest.mark.parametrize("mark", ["\ufeff", "\ufeff\ufeff"])
def test_byte_order_marks_at_the_start_of_any_line_go_away(mark: str):
    assert ids(read(",".join(row("a")), mark + ",".join(row("b")), mark + '"c",' + ",".join(row("c")[1:]))) == [
        "a",
        "b",
        "c",
    ]


@pytest.mark.parametrize("hidden", ["\u200b", "\u200d", "\u2060", "\u00ad", "\ufeff", "\u200e", "\u00a0"])
def test_characters_that_do_not_show_are_not_part_of_an_id_or_an_address(hidden: str):
    [result] = read(
        row(f"S{hidden}1{hidden}".replace("S\u00a01", "S1"), full_transcript_url=f"https://x.example/t{hidden}")
    )
    assert isinstance(result, Row)
    assert (result.values[0], result.values[10]) == ("S1", "https://x.example/t")


def test_emoji_of_several_characters_stay_whole_in_a_message():
    [result] = read(row("a", initial_message="👩\u200d💻"))
    assert isinstance(result, Row)
    assert result.values[-1] == "👩\u200d💻"


def test_emoji_written_as_surrogates_are_read():
    line = ",".join(row("a", initial_message="ok \ud83d\ude00")).encode("utf-8", "surrogatepass")
    [result] = CsvReader(io.BytesIO(line))
    assert isinstance(result, Row)
    assert result.values[-1] == "ok 😀"
