"""The documents agree with the code: links, commands, settings, stages and layers that they name exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import typer
import yaml
from packaging.specifiers import SpecifierSet
from pydantic.fields import FieldInfo

from livedash_core.cli.app import app
from livedash_core.pipeline import BUILT_IN
from livedash_core.settings import PROJECT, Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DECISIONS = DOCS / "decisions"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
CONFIGURATION = (DOCS / "configuration.md").read_text()
GLOSSARY = (DOCS / "glossary.md").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LIVEDASH = typer.main.get_command(app)
for name in LIVEDASH.commands:
    LIVEDASH.load(name)
UsageError = typer.BadParameter.__mro__[1]

FENCE = re.compile(r"^ *```.*?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")
#: Options of other programs that the documents name without the program.
FOREIGN_OPTIONS = {"--help", "--local", "--scale"}
#: Wordings that the documents once used, and what they say instead.
REPLACED_WORDS = {
    r"\b(nobody|somebody|whoever|whom)\b": "name the subject",
    r"\bjudg(e|es|ed|ing|ement)\b": "analyse, analysed, analysis",
    r"\bheld back\b|\bholds back\b": "waiting (behind an earlier stage) or deferred (a budget, a rate limit)",
    r"\b(do|does|done|did) (it )?again\b": "rerun",
    r"\bbatch(es)? of sessions\b|\bclaimed batch": "chunk",
    r"\bstatus ledger\b|\bledger's (cost|part)\b": "count deltas",
    r"\bmov(e|es|ed|ing) in\b": "migrate",
    r"\bMonday morning\b|\bbriskly\b|\bmended?\b|\bquicker\b": "plain words",
}


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def prose(text: str) -> str:
    """A document without its code blocks."""
    return FENCE.sub("", text)


def inline_code(text: str) -> list[str]:
    return [" ".join(code.split()) for code in INLINE.findall(prose(text))]


def shell_lines(text: str) -> Iterator[str]:
    """The lines of a document's code blocks, continued lines joined."""
    for block in FENCE.findall(text):
        yield from re.sub(r"\\\n\s*", " ", block).splitlines()


def anchors(path: Path) -> set[str]:
    """The fragments of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(path: Path) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)\)", prose(path.read_text()))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=names(DOCUMENTS))
def test_every_relative_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    for link in links(document):
        target, _, fragment = link.partition("#")
        path = (document.parent / target).resolve() if target else document
        assert path.is_file(), link
        assert not fragment or fragment in anchors(path), link


def test_every_document_and_picture_is_reachable_from_the_readme() -> None:
    reached, new = set(), {ROOT / "README.md"}
    while new:
        reached |= new
        pages = [page for page in new if page.suffix == ".md"]
        new = {(page.parent / link.partition("#")[0]).resolve() for page in pages for link in links(page)} - reached
    assert set(DOCUMENTS) - reached == set()


def test_every_path_that_a_document_names_exists() -> None:
    for document in DOCUMENTS:
        for code in inline_code(document.read_text()):
            if re.fullmatch(r"(docs|tests|livedash_core|dags|plugins|stages|analysis)/[\w./]+", code):
                assert (ROOT / code).exists() or (ROOT / "livedash_core" / code).exists(), (document.name, code)


def commands_shown(text: str) -> Iterator[tuple[str, bool]]:
    """``livedash`` commands and whether each is complete: a code block shows all arguments, a sentence may not."""
    for line in shell_lines(text):
        for command in re.findall(r"(?:^|\s)livedash [a-z-].*", line.partition(" #")[0]):
            yield command.strip(), True
        # Comments mention commands too.
        if match := re.search(r"# .*?(livedash [a-z][^`]*)", line):
            yield match[1], False
    for code in inline_code(text):
        if match := re.search(r"(?:^| )(livedash [a-z].*)", code):
            yield match[1], False


def parse(shown: str, *, complete: bool) -> str:
    """Read a command line with the real parser and return the command's name, as in ``company add``.

    Raises ``UsageError`` for what the command line would refuse.
    """
    _, *words = shlex.split(shown)
    command = LIVEDASH
    path: list[str] = []
    while getattr(command, "commands", None) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{shown!r}: there is no command {words[0]!r}"
        command = command.commands[words[0]]
        path.append(words.pop(0))
    try:
        command.make_context(" ".join(path), words)
    except UsageError as error:
        # A group without a subcommand, or a command without its arguments: a sentence may be about it.
        if complete or type(error).__name__ not in ("MissingParameter", "NoArgsIsHelpError"):
            raise
    return " ".join(path)


@pytest.mark.parametrize("document", DOCUMENTS, ids=names(DOCUMENTS))
def test_every_livedash_command_that_is_shown_can_be_parsed(document: Path, monkeypatch) -> None:
    monkeypatch.setenv("LIVEDASH_MIGRATE_SOURCE", "postgresql://")  # the documents export it
    for shown, complete in commands_shown(document.read_text()):
        try:
            parse(shown, complete=complete)
        except UsageError as error:
            pytest.fail(f"{shown}: {error}")


def all_commands(command: object, name: str = "") -> Iterator[str]:
    commands = getattr(command, "commands", None)
    if not commands:
        yield name
    for part, subcommand in (commands or {}).items():
        yield from all_commands(subcommand, f"{name} {part}".strip())


def test_every_command_is_shown_somewhere(monkeypatch) -> None:
    monkeypatch.setenv("LIVEDASH_MIGRATE_SOURCE", "postgresql://")
    shown = {
        parse(line, complete=complete)
        for document in DOCUMENTS
        for line, complete in commands_shown(document.read_text())
    }
    assert set(all_commands(LIVEDASH)) - shown == set()


def all_options(command: object) -> set[str]:
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for other in getattr(command, "commands", {}).values():
        options |= all_options(other)
    return options


def test_every_option_that_a_sentence_names_exists() -> None:
    known = all_options(LIVEDASH) | FOREIGN_OPTIONS
    for document in DOCUMENTS:
        for code in inline_code(document.read_text()):
            if code.startswith("--"):
                assert code.split()[0] in known, (document.name, code)


def test_every_make_target_that_is_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        text = document.read_text()
        shown = [line.strip() for line in shell_lines(text)] + inline_code(text)
        for target in [match[1] for line in shown if (match := re.match(r"(?:[A-Z_]+=\S+ )?make ([a-z0-9-]+)", line))]:
            assert target in targets, (document.name, target)


# --- the architecture


def picture() -> str:
    (block,) = FENCE.findall((DOCS / "architecture.md").read_text())
    return block


def test_the_picture_shows_the_stages_their_dags_and_their_assets_in_order() -> None:
    drawn = re.findall(r"^ +([A-Z_]+) +(livedash_\w+) +(livedash_\w+)$", picture(), re.MULTILINE)
    assert drawn == [(stage.name, stage.dag_id, stage.asset) for stage in BUILT_IN.stages]


def test_the_picture_shows_every_dag() -> None:
    sources = [*(ROOT / "dags").glob("*.py"), *(ROOT / "livedash_core" / "airflow").rglob("*.py")]
    declared = {dag for source in sources for dag in re.findall(r'dag_id="(\w+)"', source.read_text())}
    assert "livedash_retention" in declared
    assert set(re.findall(r"livedash_\w+", picture())) >= declared


def test_the_picture_shows_the_layers_that_import_linter_enforces() -> None:
    contracts = PYPROJECT["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    *_, drawn = picture().partition(" livedash_core ─")
    rows = [re.split(r" {2,}", line.strip())[0] for line in drawn.splitlines()[1:]]
    assert rows == layers


# --- the configuration


def table_rows(text: str, heading: str) -> list[list[str]]:
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    (body,) = [part for part in section if part.startswith(f"{heading}\n")]
    lines = [line for line in body.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def shown_default(value: object) -> str:
    if value is None:
        return "unset"
    if isinstance(value, Path):
        return f"`{value.relative_to(PROJECT)}` in a checkout, else the platform's folder for a user's data"
    if isinstance(value, int | float):
        return f"{value:,.10g}" if value != 8080 else "8080"
    return str(value)


def test_the_configuration_lists_every_setting_with_its_default() -> None:
    listed = {row[0].strip("`"): row[2] for row in table_rows(CONFIGURATION, "Settings")}
    expected = {}
    for name, field in Settings.model_fields.items():
        variable = name.upper() if field.validation_alias else f"LIVEDASH_{name.upper()}"
        expected[variable] = shown_default(field.get_default(call_default_factory=True))
    assert listed == expected


def setting_of(variable: str) -> FieldInfo:
    name = variable.lower()
    return Settings.model_fields.get(name) or Settings.model_fields[name.removeprefix("livedash_")]


@pytest.mark.parametrize("row", table_rows(CONFIGURATION, "Settings"), ids=lambda row: row[0].strip("`"))
def test_every_setting_has_the_unit_of_its_description_and_a_sentence(row: list[str]) -> None:
    variable, unit, _, sentence = row
    field = setting_of(variable.strip("`"))
    numeric = {int, float} & {field.annotation, *get_args(field.annotation)}
    assert unit
    assert not numeric or unit.split()[0] in field.description
    assert len(sentence) > 20


def test_the_configuration_lists_the_connections_with_their_variables() -> None:
    source = (ROOT / "livedash_core" / "airflow" / "connections.py").read_text()
    used = re.findall(r'^[A-Z]+ = "(livedash_\w+)"$', source, re.MULTILINE)
    rows = table_rows(CONFIGURATION, "Connections")
    listed = {row[0].strip("`"): row[1].strip("`") for row in rows if row[0].startswith("`livedash_")}
    assert used
    assert listed == {connection: f"AIRFLOW_CONN_{connection.upper()}" for connection in used}


def test_every_variable_that_a_document_names_is_explained() -> None:
    explained = CONFIGURATION + (ROOT / ".env.example").read_text() + (ROOT / "docker-compose.yaml").read_text()
    for document in DOCUMENTS:
        for variable in re.findall(r"\b(?:LIVEDASH|OPENAI)_[A-Z_]+[A-Z]\b", document.read_text()):
            assert variable in explained, (document.name, variable)


# --- the words


def glossary_terms() -> list[str]:
    return re.findall(r"^- \*\*(.+?)\*\*", GLOSSARY, re.MULTILINE)


def test_the_glossary_defines_each_term_once() -> None:
    terms = [term.casefold() for term in glossary_terms()]
    assert len(terms) > 40
    assert sorted(set(terms)) == sorted(terms)


def test_the_glossary_defines_the_words_that_once_meant_several_things() -> None:
    assert {"turn", "message", "lane", "worker", "batch", "chunk", "cost ledger", "count delta", "slot", "run"} <= set(
        glossary_terms()
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=names(DOCUMENTS))
def test_documents_use_the_glossary_s_words(document: Path) -> None:
    text = prose(document.read_text())
    found = {
        match[0]: instead
        for pattern, instead in REPLACED_WORDS.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    }
    assert found == {}


def decision_files() -> list[Path]:
    return sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")


@pytest.mark.parametrize("path", decision_files(), ids=lambda path: path.name)
def test_every_decision_has_a_context_a_decision_and_a_consequence(path: Path) -> None:
    _, *decisions = re.split(r"^## ", path.read_text(), flags=re.MULTILINE)
    assert decisions
    for decision in decisions:
        parts = re.findall(r"^\*\*(\w+)\.\*\* \S", decision, re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequence"], decision.splitlines()[0]


def test_the_index_lists_every_file_of_decisions() -> None:
    assert sorted(links(DECISIONS / "README.md"))[1:] == [path.name for path in decision_files()]


# --- the project's metadata and habits


def test_the_licence_is_the_one_that_the_metadata_name() -> None:
    project = PYPROJECT["project"]
    assert project["license"] == "Apache-2.0"
    assert project["license-files"] == ["LICENSE"]
    assert "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text()


def test_the_classifiers_name_the_python_versions_that_are_required() -> None:
    project = PYPROJECT["project"]
    required = SpecifierSet(project["requires-python"])
    named = re.findall(r":: Python :: (3\.\d+)$", "\n".join(project["classifiers"]), re.MULTILINE)
    assert named == [version for minor in range(30) if (version := f"3.{minor}") in required]


def test_the_commit_hooks_are_the_checks_of_make_lint() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    hooks = [hook["entry"].replace(" --force-exclude", "").replace(".venv/bin/", "") for hook in repository["hooks"]]
    recipe = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    checks = [line.strip().removesuffix(" .") for line in recipe.replace('"', "").splitlines()[1:]]
    assert hooks == [check.replace("$(BIN)/", "") for check in checks]
