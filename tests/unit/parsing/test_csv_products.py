"""CSVs as spreadsheets, databases and programs write them."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import csv
import io
from zoneinfo import ZoneInfo

import pytest

from livedash_core.parsing.csv_columns import COLUMNS, header_of
from livedash_core.parsing.csv_reading import date_order_of, reading_of
from livedash_core.parsing.csv_rows import CsvReader, Rejection, Row
from livedash_core.parsing.number_style import NumberStyle
from livedash_core.parsing.session_times import interpret

UTC = ZoneInfo("UTC")
BEGAN = "2026-04-16T08:10:00+00:00"


def record(number: int, **cells: str) -> list[str]:
    values = {
        "external_session_id": f"chat-{number}", "start_time": "16.04.2026 08:10:00", "end_time": "16.04.2026 08:31:00",
        "ip_address": "198.51.100.7", "country_code": "DK", "language": "da", "messages_sent": "6", "sentiment": "neutral",
        "escalated": "no", "forwarded_hr": "no", "full_transcript_url": f"https://chat.example/{number}.txt",
        "avg_response_time_seconds": "3.5", "tokens": "512", "tokens_eur": "0.0021", "category": "leave", "initial_message": "Hej",
    }  # fmt: skip
    return list((values | cells).values())


def file(
    rows: list[list[str]], header: list[str] | None = None, delimiter: str = ",", encoding: str = "utf-8", **how: object
) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, **how)  # type: ignore[arg-type]
    writer.writerows([*([header] if header else []), *rows])
    return text.getvalue().encode(encoding)


def rows_of(content: bytes) -> tuple[list[Row], list[Rejection]]:
    found = list(CsvReader(io.BytesIO(content)))
    return [each for each in found if isinstance(each, Row)], [each for each in found if isinstance(each, Rejection)]


TIMES = {
    "pandas": ("2026-04-16 08:10:00", "2026-04-16 08:31:00"),
    "pandas with a zone": ("2026-04-16 08:10:00+00:00", "2026-04-16 08:31:00+00:00"),
    "Power Query": ("2026-04-16T08:10:00.0000000", "2026-04-16T08:31:00.0000000"),
    "German Excel": ("16.04.2026 08:10", "16.04.2026 08:31"),
    "Dutch Excel": ("16-4-2026 08:10", "16-4-2026 08:31"),
    "French Excel": ("16/04/2026 08:10", "16/04/2026 08:31"),
    "American Excel": ("4/16/2026 8:10", "4/16/2026 8:31"),
    "American Excel, 12 hours": ("4/16/2026 8:10 AM", "4/16/2026 8:31 AM"),
    "Italian Excel": ("16/04/2026 08.10", "16/04/2026 08.31"),
    "LibreOffice": ("16.04.26 08:10", "16.04.26 08:31"),
    "PostgreSQL": ("2026-04-16 08:10:00+00", "2026-04-16 08:31:00+00"),
    "SQL Server": ("Apr 16 2026  8:10AM", "Apr 16 2026  8:31AM"),
    "Oracle": ("16-APR-26 08.10.00.000000 AM", "16-APR-26 08.31.00.000000 AM"),
    "SAP": ("20260416081000", "20260416083100"),
    "JavaScript": ("Thu Apr 16 2026 08:10:00 GMT+0000 (Coordinated Universal Time)", "Thu Apr 16 2026 08:31:00 GMT+0000 (Coordinated Universal Time)"),
    "seconds": ("1776327000", "1776328260"),
    "milliseconds": ("1776327000000", "1776328260000"),
}  # fmt: skip


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES.keys())
def test_the_times_of_a_program(times: tuple[str, str]) -> None:
    content = file([record(number, start_time=times[0], end_time=times[1]) for number in range(3)])
    reader = CsvReader(io.BytesIO(content))
    order = date_order_of(reader).order
    rows, rejected = rows_of(content)
    assert (len(rows), rejected) == (3, [])
    assert interpret(rows[0].values[1], rows[0].values[2], UTC, {"date_order": order})[0].isoformat() == BEGAN


HEADERS = {
    "sv": "Sessions-ID,Starttid,Sluttid,IP-adress,Land,Språk,Antal meddelanden,Sentiment,Eskalerad,Vidarebefordrad HR,Transkript-URL,Svarstid,Tokens,Kostnad EUR,Kategori,Första meddelande",
    "pt": "ID da sessão,Início,Fim,Endereço IP,País,Idioma,Mensagens enviadas,Sentimento,Escalado,Encaminhado RH,URL da transcrição,Tempo médio de resposta,Tokens,Custo EUR,Categoria,Mensagem inicial",
    "it": "ID sessione,Inizio,Fine,Indirizzo IP,Paese,Lingua,Messaggi inviati,Sentiment,Escalato,Inoltrato HR,URL trascrizione,Tempo medio di risposta,Token,Costo EUR,Categoria,Messaggio iniziale",
    "pl": "ID sesji,Początek,Koniec,Adres IP,Kraj,Język,Wiadomości,Sentyment,Eskalowano,Przekazano HR,URL transkrypcji,Średni czas odpowiedzi,Tokeny,Koszt EUR,Kategoria,Pierwsza wiadomość",
    "camel case": "externalSessionId,startTime,endTime,ipAddress,countryCode,language,messagesSent,sentiment,escalated,forwardedHr,fullTranscriptUrl,avgResponseTimeSeconds,tokens,tokensEur,category,initialMessage",
    "units": "Session ID,Start time,End time,IP address,Country,Language,Messages sent,Sentiment,Escalated,Forwarded to HR,Transcript URL,Response time (s),Tokens,Cost [EUR],Category,First message",
}  # fmt: skip


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS.keys())
def test_names_of_columns_are_known_in_any_order(header: str) -> None:
    names = header.split(",")
    slots = header_of(names).slots
    assert all(slot in (None, position) for position, slot in enumerate(slots))
    assert sum(slot is not None for slot in slots) >= 15
    rows, rejected = rows_of(file([record(number)[::-1] for number in range(3)], names[::-1]))
    assert rejected == []
    assert [row.values[0] for row in rows] == ["chat-0", "chat-1", "chat-2"]


def test_a_header_in_place_leaves_no_column_out() -> None:
    names = [*"abcdefghijklmnop"]
    known = ["session id", "start", "end", *(f"{name}-column" for name in names[3:])]
    rows, rejected = rows_of(file([record(1)], known))
    assert rejected == []
    assert rows[0].values[6:8] == ("6", "neutral")


def test_columns_in_an_unknown_order_are_rejected_and_not_taken_for_sessions() -> None:
    names = [f"kolumna {name}" for name in "abcdefghijklmnop"]
    rows, rejected = rows_of(file([record(number)[::-1] for number in range(3)], names))
    assert rows == []
    assert [each.line_number for each in rejected] == [2, 3, 4]


@pytest.mark.parametrize("delimiter", ["^", "~", "\x01", "\x1f", "¦"])
def test_a_rare_delimiter_is_detected(delimiter: str) -> None:
    rows, rejected = rows_of(file([record(1), record(2)], list(COLUMNS), delimiter))
    assert (len(rows), rejected) == (2, [])


def test_quotes_behind_backslashes_are_read_and_other_backslashes_stay() -> None:
    cells = record(1, initial_message='say \\"hej\\" in C:\\new')
    rows, rejected = rows_of(('"' + '","'.join(cells) + '"\n').encode() * 1)
    assert rejected == []
    assert rows[0].values[-1] == 'say "hej" in C:\\new'


def test_a_message_over_lines_with_quotes_behind_backslashes() -> None:
    first, second = record(1, initial_message='say \\"hej\\",\nplease'), record(2)
    rows, rejected = rows_of("".join('"' + '","'.join(each) + '"\n' for each in (first, second)).encode())
    assert rejected == []
    assert [row.values[-1] for row in rows] == ['say "hej",\nplease', "Hej"]


def test_cells_in_single_quotes() -> None:
    lines = ["','".join(record(number, initial_message="Hej, it''s me")).join("''") for number in range(2)]
    rows, rejected = rows_of("\n".join(lines).encode())
    assert rejected == []
    assert rows[0].values[0] == "chat-0"
    assert rows[0].values[-1] == "Hej, it's me"


def test_a_number_that_excel_keeps_as_text_is_the_same_id() -> None:
    line = file([record(1)]).decode().removeprefix("chat-1")
    rows, rejected = rows_of(f'="0012"{line}"=""0013"""{line}'.encode())
    assert rejected == []
    assert [row.values[0] for row in rows] == ["0012", "0013"]


def test_a_line_of_totals_is_no_session() -> None:
    total = ["Total", *[""] * 5, "12", *[""] * 5, "1024", "", "", ""]
    rows, rejected = rows_of(file([record(1), record(2), total]))
    assert len(rows) == 2
    assert "neither times nor a transcript" in rejected[0].reason


@pytest.mark.parametrize("word", ["NA", "undefined", "#NV", "#N/D"])
def test_a_programs_word_for_nothing_fits_everywhere(word: str) -> None:
    rows, rejected = rows_of(file([record(1, tokens=word, category=word, full_transcript_url=word), record(2)]))
    assert (len(rows), rejected) == (2, [])


TEXTS = {
    "cp866": "Сколько дней отпуска осталось у меня до конца этого года?",
    "cp1251": "Сколько дней отпуска осталось у меня до конца этого года?",
    "koi8_r": "Сколько дней отпуска осталось у меня до конца этого года?",
    "iso8859_2": "Czy mogę zmienić urlop na święta? Dziękuję za szybką odpowiedź, pozdrawiam, Łukasz Wójcik",
    "cp1250": "Czy mogę zmienić urlop na święta? Dziękuję za szybką odpowiedź, pozdrawiam, Łukasz Wójcik",
    "cp852": "Czy mogę zmienić urlop na święta? Dziękuję za szybką odpowiedź, pozdrawiam, Łukasz Wójcik",
    "cp1252": "Wie viel Resturlaub hab ich für März? Schöne Grüße aus Köln, Jürgen Weiß – danke",
    "iso8859_15": "Le coût était de 40 €, la sœur de Noël est déjà là",
    "cp1254": "Bu yıl kaç gün iznim kaldı? Teşekkür ederim, iyi çalışmalar dilerim, Ayşe Yıldız",
    "cp1253": "Πόσες ημέρες άδειας μου απομένουν για φέτος; Ευχαριστώ πολύ για τη βοήθεια",
    "cp1255": "כמה ימי חופשה נשארו לי השנה? תודה רבה על העזרה שלך",
    "cp1256": "كم عدد أيام الإجازة المتبقية لي هذا العام؟ شكرا جزيلا لك",
    "shift_jis": "今年の有給休暇は何日残っていますか？教えてください。よろしくお願いします",
    "gb18030": "请问我今年还有多少天年假可以休？谢谢你的帮助和回答",
    "cp949": "올해 제 연차 휴가가 며칠 남았는지 알려 주시겠어요? 감사합니다",
    "mac_roman": "Wie viel Resturlaub hab ich für März? Schöne Grüße aus Köln, Jürgen Weiß",
    "cp850": "Wie viel Resturlaub hab ich für März? Schöne Grüße aus Köln, Jürgen Weiß",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_an_undeclared_encoding_is_found_and_noted(encoding: str) -> None:
    content = file([record(number, initial_message=TEXTS[encoding]) for number in range(3)], encoding=encoding)
    reader = CsvReader(io.BytesIO(content))
    rows, _ = rows_of(content)
    assert rows[0].values[-1] == TEXTS[encoding]
    notes = reading_of(reader.encoding, reader.layout, NumberStyle(), date_order_of(reader))["notes"]
    assert any("which is a guess" in note for note in notes)


def test_text_that_was_encoded_twice_is_noted() -> None:
    twice = "für Grüße".encode().decode("cp1252")
    reader = CsvReader(io.BytesIO(file([record(1, initial_message=twice)])))
    assert "encoded twice" in (reader.encoding.note or "")
    assert CsvReader(io.BytesIO(file([record(1, initial_message="NÃO é “São Tomé”")]))).encoding.note is None


def test_a_files_order_of_dates_is_noted() -> None:
    content = file([record(1, start_time="4/3/2026 8:10", end_time="4/16/2026 8:31")])
    reader = CsvReader(io.BytesIO(content))
    reading = reading_of(reader.encoding, reader.layout, NumberStyle(), date_order_of(reader))
    assert reading["date_order"] == "month first"
    assert reading["notes"] == ["1 dates like 03/04/2026 are read month first, as the other 1 dates can only be read"]
    content = file([record(1, start_time="4/3/2026 8:10", end_time="4/3/2026 8:31")])
    reader = CsvReader(io.BytesIO(content))
    assert (
        "does not tell whether"
        in reading_of(reader.encoding, reader.layout, NumberStyle(), date_order_of(reader))["notes"][0]
    )


def test_escapes_are_read_in_the_text_format_of_postgresqls_copy() -> None:
    lines = ["\t".join(record(number, country_code="\\N", initial_message="a\\tb\\nc:\\\\d")) for number in (1, 2)]
    found = list(CsvReader(io.BytesIO("\n".join(lines).encode())))
    assert [row.values[-1] for row in found if isinstance(row, Row)] == ["a\tb\nc:\\d"] * 2


def test_backslashes_stay_in_a_file_that_is_not_in_that_format() -> None:
    found = list(CsvReader(io.BytesIO("\t".join(record(1, initial_message="C:\\new")).encode())))
    assert [row.values[-1] for row in found if isinstance(row, Row)] == ["C:\\new"]


@pytest.mark.parametrize(
    ("delimiter", "rule"),
    [("|", "|".join(["-----"] * 16)), (" | ", "|" + "---|" * 16), ("\t", "\t".join(["---"] * 16))],
)
def test_a_rule_below_the_header_is_no_row(delimiter: str, rule: str) -> None:
    lines = [delimiter.join(COLUMNS), rule, delimiter.join(record(1)), delimiter.join(record(2))]
    found = list(CsvReader(io.BytesIO("\n".join(lines).encode())))
    assert [row.values[0] for row in found if isinstance(row, Row)] == ["chat-1", "chat-2"]
    assert len(found) == 2


def test_an_id_that_a_spreadsheet_had_no_room_for_is_none() -> None:
    found = list(CsvReader(io.BytesIO(file([record(1, external_session_id="########"), record(2)]))))
    assert isinstance(found[0], Rejection)
    assert "too narrow" in found[0].reason


def test_a_calculated_link_is_its_address() -> None:
    link = '=HYPERLINK("https://chat.example/1.txt","open")'
    (found,) = CsvReader(io.BytesIO(file([record(1, full_transcript_url=link)])))
    assert isinstance(found, Row)
    assert found.values[COLUMNS.index("full_transcript_url")] == "https://chat.example/1.txt"


def test_headers_with_small_words_and_units_are_read_by_name() -> None:
    header = [*COLUMNS[:10], "URL de la transcripción", "Durchschn. Antwortzeit (s)", "Tokens", "Coste EUR"]
    assert header_of(header).slots[-4:] == (10, 11, 12, 13)
    assert header_of(["Identifiant de session", "URL transcription", "Gemiddelde reactietijd"]).slots == (0, 10, 11)


def test_a_row_number_without_a_header_is_named() -> None:
    rows, rejected = rows_of(file([[str(number), *record(number)] for number in range(3)]))
    assert rows == []
    assert "as pandas writes it" in rejected[0].reason


@pytest.mark.parametrize(
    "word", ["NULL", "nan", "None", "undefined", "#N/A", "#NV", "#REF!", "#BEZUG!", "#NAME?", "[object Object]", "-"]
)
def test_a_programs_word_for_nothing_is_no_id(word: str) -> None:
    rows, rejected = rows_of(file([record(1), record(2, external_session_id=word), record(3)]))
    assert [row.values[0] for row in rows] == ["chat-1", "chat-3"]
    assert rejected[0].reason == f"has no external_session_id: {word} is a word for nothing"
