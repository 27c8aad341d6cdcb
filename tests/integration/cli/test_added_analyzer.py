"""An analyzer from another package: the files of docs/analyzers.md, built, installed, chosen and used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.extension.installation import install
from tests.integration.cli.conftest import CommandLine, Publish

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def site_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the document, installed into a folder of its own."""
    package = tmp_path_factory.mktemp("keyword-analyzer")
    document = (ROOT / "docs/analyzers.md").read_text()
    for language, name in (("python", "keyword_analyzer.py"), ("toml", "pyproject.toml")):
        (content,) = re.findall(rf"```{language}\n(.*?)```", document, re.DOTALL)
        (package / name).write_text(content)
    return install(tmp_path_factory.mktemp("installed"), package)


@pytest.fixture
def with_keywords(livedash: CommandLine, site_packages: Path) -> CommandLine:
    """The command line where that package is installed."""
    return livedash.with_environment({"PYTHONPATH": str(site_packages)})


def test_an_installed_analyzer_is_chosen_by_name_and_analyses(
    livedash: CommandLine, with_keywords: CommandLine, acme: Publish
) -> None:
    acme(2)
    _, complaint = livedash("company", "update", "Acme", "--analyzer", "keywords", code=2)
    assert "the analyzers are auto, openai, offline" in complaint

    with_keywords("company", "update", "Acme", "--analyzer", "keywords")
    assert with_keywords.json("process")["stages"]["AI_ANALYSIS"]["completed"] == 2
    (first, *_) = with_keywords.json("company", "list")
    assert first["analyzer"] == "keywords"
    session = with_keywords.json("session", "chat-0000")["session"]
    assert (session["analyzer"], session["prompt_version"]) == ("keywords", "keywords-1")


def test_a_company_whose_analyzer_is_not_installed_here_is_stopped_with_its_name(
    livedash: CommandLine, with_keywords: CommandLine, acme: Publish
) -> None:
    acme(2)
    with_keywords("company", "update", "Acme", "--analyzer", "keywords")

    _, complaint = livedash("process", code=1)

    assert "the analyzer 'keywords' is not installed here; the analyzers are auto, openai, offline" in complaint
    assert livedash.json("status")["stages"]["AI_ANALYSIS"]["PENDING"] == 2
