from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import Engine

from livedash_core.costs.ledger import CallEnd, PlannedCall, Usage
from livedash_core.costs.ledger_store import close_calls, open_calls
from livedash_core.costs.prices import load_prices
from tests.integration.cli.conftest import CommandLine
from tests.integration.records import Records
from tests.integration.stages.batch_server import BatchServer, End, all_answered
from tests.integration.stages.batches import Batches


def called(engine: Engine, records: Records) -> None:
    """Acme's one paid call, one that nobody knows, and one of a model without a price."""
    acme = records.company("Acme")
    ends = [CallEnd("answered", usage=Usage(1, 1, 0, 0, 0)), CallEnd("unknown"), CallEnd("answered")]
    models = ("gpt-5.4-mini", "gpt-5.4-mini", "home-made")
    with engine.begin() as connection:
        prices = load_prices(connection)
        rows = open_calls(connection, [PlannedCall(uuid4(), acme, model, "1", 100, 100) for model in models], prices)
        close_calls(connection, dict(zip(rows, ends, strict=True)), prices)


def test_an_upgraded_database_has_prices_and_costs_are_printed_exactly(
    livedash: CommandLine, engine: Engine, records: Records
) -> None:
    assert "no price" in livedash("price", "list")[0]
    assert "The schema is up to date" in livedash("db", "upgrade")[0]
    called(engine, records)
    output, _ = livedash("costs", "--by", "model")
    assert "0.000000075" in output
    assert "Not included: 1 calls that may have been billed, 1 billed calls of unknown cost" in output
    found = livedash.json("costs", "--by", "company")
    assert [line["key"] for line in found["lines"]] == ["Acme"]
    assert found["lines"][0]["cost_usd"] == found["total"]["cost_usd"] == "0.000000075"
    assert (found["total"]["requests"], found["total"]["unknown"], found["total"]["unpriced"]) == (3, 1, 1)


def test_a_price_and_a_rate_are_set_and_used(livedash: CommandLine, engine: Engine, records: Records) -> None:
    livedash("db", "upgrade")
    output, _ = livedash("price", "set", "home-made", "--input", "0.1", "--output", "2", "--from", "2026-01-01")
    assert output == "home-made: USD 0.1 in and 2 out per million tokens, from 2026-01-01 00:00Z on.\n"
    (price,) = livedash.json("price", "list", "--model", "home-made")
    assert (price["input"], price["cached_input"], price["output"], price["source"]) == ("0.1", "0.1", "2", "by hand")
    livedash("price", "rate", "eur", "0.5", "--from", "2026-01-01")
    called(engine, records)
    total = livedash.json("costs", "--currency", "eur")["total"]
    assert float(total["cost"]) == float(total["cost_usd"]) / 2


def test_a_batch_with_another_token_count_at_the_server_is_printed_below_the_costs(
    livedash: CommandLine, batches: Batches, server: BatchServer, company_id: UUID
) -> None:
    batches.sessions(company_id, 1)
    server.ends = [End(output=all_answered, usage={"input_tokens": 1_000, "output_tokens": 80})]
    batches.run(company_id)
    sentence = "Acme, batch batch-0: the server counts other tokens: 1,000 in and 80 out; the ledger has 900 and 80"
    assert livedash("costs")[0].endswith(f"{sentence}\n")
    assert livedash.json("costs")["miscounted_batches"] == [sentence]


def test_no_model_calls_is_a_sentence(livedash: CommandLine) -> None:
    assert livedash("costs")[0] == "There are no model calls in this selection.\n"
    assert livedash.json("costs")["total"]["cost_usd"] == "0"


def test_invalid_options_are_wrong_usage(livedash: CommandLine) -> None:
    livedash.refuses(
        ("costs", "--company", "Nobody"),
        ("costs", "--currency", "CHF"),
        ("price", "rate", "EURO", "1"),
        ("price", "rate", "EUR", "0"),
        ("price", "set", " ", "--input", "1", "--output", "1"),
    )
    for words in ("much", "-1", "NaN"):
        livedash("price", "set", "m", f"--input={words}", "--output", "1", code=2)
