"""What servers send for a CSV: types, encodings, archives, and a file that has lost its rows."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from livedash_core.clients.fetch import Fetcher
from livedash_core.operations.companies import confirm_csv, update_company
from tests.integration.stages.stage_runs import Pipeline
from tests.integration.stages.website import CSV, Answer, Site, as_csv

IMPORT = "CSV_IMPORT"
AMSTERDAM = {"timezone": "Europe/Amsterdam"}


@pytest.fixture(autouse=True)
def _company(acme): ...


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "binary/octet-stream"},
        {"Content-Type": "application/vnd.ms-excel"},
        {"Content-Type": "application/x-csv"},
        {"Content-Type": "application/force-download"},
        {"Content-Type": "unknown/unknown"},
        {"Content-Encoding": "utf-8"},
        {"Content-Encoding": "aws-chunked"},
        {"Content-Encoding": "UTF-8, identity"},
    ],
    ids=lambda headers: next(iter(headers.values())),
)
def test_the_content_decides_and_not_the_headers(site: Site, pipeline: Pipeline, headers: dict[str, str]):
    site.answers[CSV] = Answer(as_csv(site.rows(2)), headers=tuple(headers.items()))
    assert (pipeline.run(IMPORT).completed, pipeline.incidents()) == (2, [])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "application/gzip"},
        {"Content-Type": "application/octet-stream"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "aws-chunked,gzip"},
    ],
    ids=str,
)
def test_gzip_is_unpacked_with_its_header_and_without(site: Site, pipeline: Pipeline, headers: dict[str, str]):
    site.answers[CSV] = Answer(gzip.compress(as_csv(site.rows(2))), headers=tuple(headers.items()))
    assert (pipeline.run(IMPORT).completed, pipeline.incidents()) == (2, [])


def test_zeros_behind_gzip_are_ignored(site: Site, pipeline: Pipeline):
    site.answers[CSV] = Answer(gzip.compress(as_csv(site.rows(2))) + bytes(700))
    assert (pipeline.run(IMPORT).completed, pipeline.incidents()) == (2, [])


@pytest.mark.parametrize("body", [b"", b"\xef\xbb\xbf", b"session_id,start_time,end_time\r\n"])
def test_a_file_without_rows_has_a_note(site: Site, pipeline: Pipeline, body: bytes):
    site.answers[CSV] = Answer(body)
    pipeline.run(IMPORT)
    ((reading,),) = pipeline.query("SELECT reading FROM livedash.company_csv")
    assert reading["notes"][-1] == "the file has no rows: it is empty, or has only a header"


def test_the_only_csv_of_a_zip_is_read(site: Site, pipeline: Pipeline):
    rows = as_csv(site.rows(2))
    content = zipped({"sessions.csv": rows, "readme.md": b"hello", "__MACOSX/x.csv": b"x"})
    site.answers[CSV] = Answer(content, headers=(("Content-Type", "application/zip"),))
    assert (pipeline.run(IMPORT).completed, pipeline.incidents()) == (2, [])
    assert pipeline.run(IMPORT).unchanged == ["Acme"]


BROKEN = bytearray(zipped({"a.csv": b"a" * 10_000}))
BROKEN[-60:] = bytes(60)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (zipped({"a.csv": b"x", "b.csv": b"y"}), "a .zip with 2 CSVs; it must have exactly one"),
        (zipped({"a.csv": bytes(3_000_000)}), "the CSV in the .zip is larger than 1,048,576 bytes"),
        (bytes(BROKEN), "a .zip that is broken"),
        (
            zipped({"[Content_Types].xml": b"x", "xl/workbook.xml": b"y"}),
            "save it as CSV, in Excel: File, Save As",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "an Excel workbook"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"PAR1" + bytes(100), "Parquet"),
        (gzip.compress(bytes(3_000_000)), "larger than 1,048,576 bytes"),
        (b"<html><body>Please sign in</body></html>", "an HTML or XML page"),
        (gzip.compress(gzip.compress(b"S1,")), "compressed with gzip twice"),
        (b'{"error": "token expired"}', "It is JSON: an error message"),
        (b"\x1f\x8b\x08" + zlib.compress(b"x"), "gzip"),
    ],
    ids=["two", "bomb", "broken", "xlsx", "xls", "pdf", "parquet", "gzip bomb", "login", "twice", "json", "bad gzip"],
)
def test_what_is_no_csv_is_named(site: Site, engine: Any, content: bytes, says: str):
    pipeline = Pipeline(engine, csv_max_mib=1)
    site.answers[CSV] = Answer(content, headers=(("Content-Type", "application/octet-stream"),))
    pipeline.run(IMPORT)
    (incident,) = pipeline.incidents()
    assert says in incident.message


def test_a_declared_charset_holds_and_a_corrected_one_is_followed(site: Site, pipeline: Pipeline):
    content = as_csv([site.row("S1", initial_message="Сколько")]).decode().encode("cp1251")
    site.answers[CSV] = Answer(content, headers=(("Content-Type", "text/csv; charset=koi8-r"),))
    pipeline.run(IMPORT)
    site.answers[CSV] = Answer(content, headers=(("Content-Type", "text/csv; charset=windows-1251"),))
    pipeline.run(IMPORT)
    assert pipeline.query("SELECT initial_message FROM livedash.session_import") == [("Сколько",)]


# --- a CSV that has lost its rows


@pytest.mark.parametrize("left", [0, 1])
def test_a_csv_that_shrinks_is_an_incident_until_it_is_back(site: Site, pipeline: Pipeline, left: int):
    rows = site.rows(3)
    site.publish(rows)
    pipeline.run(IMPORT)

    site.publish(rows[:left])
    for _ in range(2):  # also when the file is the same as before
        report = pipeline.run(IMPORT)
        assert f"its CSV has {left} rows; before, it had 3" in str(report.incidents[0])
        (incident,) = pipeline.incidents()
        assert incident.company == "Acme"
    assert pipeline.query("SELECT count(*) FROM livedash.session_import") == [(3,)]

    site.publish(rows[:2])
    assert pipeline.run(IMPORT).incidents == []
    assert pipeline.incidents() == []


def test_a_csv_that_shrinks_for_a_reason_is_confirmed(site: Site, pipeline: Pipeline):
    site.publish(site.rows(5))
    pipeline.run(IMPORT)
    site.publish(site.rows(1))
    assert len(pipeline.run(IMPORT).incidents) == 1

    with pipeline.engine.begin() as connection:
        confirm_csv(connection, "Acme")

    assert pipeline.run(IMPORT).incidents == []
    assert pipeline.incidents() == []


@pytest.fixture
def during_the_download(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Registers what happens while an import is under way, once."""
    download = Fetcher.download

    def register(event: Callable[[], object]) -> None:
        async def download_and_more(*arguments: Any, **options: Any) -> Any:
            downloaded = await download(*arguments, **options)
            monkeypatch.setattr(Fetcher, "download", download)
            event()
            return downloaded

        monkeypatch.setattr(Fetcher, "download", download_and_more)

    return register


def changes(pipeline: Pipeline, change: Callable[[Connection], object]) -> Callable[[], None]:
    def commit() -> None:
        with pipeline.engine.begin() as connection:
            change(connection)

    return commit


@pytest.mark.parametrize("rows", [1, 2], ids=["the same file", "another short one"])
def test_a_confirmation_during_an_import_counts(site: Site, pipeline: Pipeline, during_the_download, rows: int):
    site.publish(site.rows(5))
    pipeline.run(IMPORT)
    site.publish(site.rows(1))
    assert len(pipeline.run(IMPORT).incidents) == 1

    site.publish(site.rows(rows))
    during_the_download(changes(pipeline, lambda connection: confirm_csv(connection, "Acme")))

    assert pipeline.run(IMPORT).incidents == []
    assert pipeline.incidents() == []


@pytest.mark.parametrize("imported_before", [False, True])
def test_a_setting_that_is_changed_during_an_import_applies_to_the_next(
    site: Site, pipeline: Pipeline, during_the_download, imported_before: bool
):
    if imported_before:
        site.publish(site.rows(1))
        pipeline.run(IMPORT)
    site.publish(site.rows(2))
    site.answers[CSV] = site.answers[CSV]._replace(headers=(("ETag", '"1"'),))
    site.not_modified[CSV] = '"1"'
    during_the_download(changes(pipeline, lambda connection: update_company(connection, "Acme", AMSTERDAM)))
    pipeline.run(IMPORT)

    assert pipeline.run(IMPORT).unchanged == []
    assert pipeline.run(IMPORT).unchanged == ["Acme"]


def test_new_validators_of_the_same_file_do_not_hide_a_setting_that_is_changed_meanwhile(
    site: Site, pipeline: Pipeline, during_the_download
):
    site.publish(site.rows(2))
    pipeline.run(IMPORT)
    site.answers[CSV] = site.answers[CSV]._replace(headers=(("ETag", '"2"'),))
    site.not_modified[CSV] = '"2"'
    during_the_download(changes(pipeline, lambda connection: update_company(connection, "Acme", AMSTERDAM)))

    assert pipeline.run(IMPORT).unchanged == ["Acme"]
    assert pipeline.run(IMPORT).unchanged == []


# --- rejections


def test_rejections_are_those_of_the_present_file(site: Site, pipeline: Pipeline):
    shown = "SELECT line_number, occurrences, raw_text, rejected_at FROM livedash.import_rejection ORDER BY 1"
    site.publish(site.rows(3), also=b"broken\nother\nbroken\n")
    pipeline.run(IMPORT)
    (broken, other) = pipeline.query(shown)
    assert [broken[:3], other[:3]] == [(4, 2, "broken"), (5, 1, "other")]

    site.publish(site.rows(4), also=b"broken\n")
    pipeline.run(IMPORT)
    assert pipeline.query(shown) == [(5, 1, "broken", broken.rejected_at)]

    site.publish(site.rows(4))
    pipeline.run(IMPORT)
    assert pipeline.query(shown) == []
