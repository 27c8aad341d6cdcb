"""What the command line looks like: version, help, tables in narrow terminals, progress."""

from __future__ import annotations

import io
from importlib.metadata import version

import pytest
from rich.console import Console

from livedash_core.cli import output, processing
from livedash_core.stages.report import StageReport
from tests.integration.cli.conftest import CommandLine

SESSION = "01a229e8-d1d5-79c6-ac42-90ea498c4200"
HEADINGS = ("stage", "company", "session", "attempts", "kind", "message")
ROW = ("TRANSCRIPT_FETCH", "Acme", SESSION, 5, "permanent", "404 Not Found: the file is gone")


def printed(monkeypatch: pytest.MonkeyPatch, width: int, *rows: tuple[object, ...]) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    monkeypatch.setattr(output, "console", console)
    output.print_table(HEADINGS, rows, title="1 failed")
    return console.file.getvalue()  # type: ignore[attr-defined] # it is the StringIO above


def test_the_version_and_the_short_form_of_help(livedash: CommandLine) -> None:
    assert livedash("--version")[0] == f"livedash {version('livedash-pipeline')}\n"
    assert livedash("-h")[0] == livedash("--help")[0]
    assert "--csv-url" in livedash("company", "add", "-h")[0]
    assert "--install-completion" in livedash("-h")[0]


def test_a_row_that_does_not_fit_becomes_lines_with_whole_words(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = printed(monkeypatch, 80, ROW, ROW)

    assert narrow.count(SESSION) == 2
    assert narrow.count("TRANSCRIPT_FETCH") == 2
    assert "404 Not Found: the file is gone" in narrow
    assert max(map(len, narrow.splitlines())) <= 80
    assert [line.split()[0] for line in narrow.splitlines()[2:8]] == list(HEADINGS)


def test_a_table_that_fits_stays_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = printed(monkeypatch, 160, ROW)

    assert [line for line in wide.splitlines() if SESSION in line and "404 Not Found" in line]
    assert [line for line in wide.splitlines() if all(heading in line for heading in HEADINGS)]


def test_an_empty_cell_has_no_line_and_markup_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = printed(monkeypatch, 60, (None, "[red]Acme[/red]\x1b[31m", SESSION, 5, "", "x"))

    assert "[red]Acme[/red]\ufffd[31m" in narrow
    assert "stage" not in narrow
    assert "kind" not in narrow


def test_the_progress_has_a_total_and_grows_with_work_that_becomes_due(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    monkeypatch.setattr(processing, "errors", console)
    report = StageReport("AI_ANALYSIS")
    with processing._progress("AI_ANALYSIS", 7, hidden=False) as show:
        report.claimed = 3
        show(report)
        first = console.file.getvalue()  # type: ignore[attr-defined] # it is the StringIO above
        report.claimed = 9
        show(report)

    assert "/7" in first
    assert "9/9" in console.file.getvalue()  # type: ignore[attr-defined] # as above
