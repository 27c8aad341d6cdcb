"""`livedash costs` and `livedash price …`: what it cost, and the prices and rates that this is reckoned with."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from livedash_core.cli.context import database, scope_of
from livedash_core.cli.output import print_json, print_table, say
from livedash_core.cli.processing import Company, Json
from livedash_core.costs.prices import list_prices, set_price, set_rate
from livedash_core.costs.reports import By, Costs, miscounted_batches, read_costs
from livedash_core.settings import Settings

app = typer.Typer(help="Prices of models, and currency rates.", no_args_is_help=True)


def decimal(words: str) -> Decimal:
    """A number of the command line, exact. Raises ``typer.BadParameter`` for what is none, or below zero."""
    try:
        value = Decimal(words)
    except InvalidOperation:
        raise typer.BadParameter(f"{words!r} is not a number") from None
    if not value.is_finite() or value < 0:
        raise typer.BadParameter(f"{words} is not an amount")
    return value


Model = Annotated[str, typer.Argument(metavar="MODEL", help="The model's name, as it is asked for.")]
Since = Annotated[
    datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], help="From this day (UTC) on; unset: from now on."),
]


def costs(
    company: Company = None,
    by: Annotated[By, typer.Option(help="What a line is.")] = "day",
    first_day: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Asked on this day (UTC) or later.")
    ] = None,
    last_day: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Asked on this day (UTC) or earlier.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="Also in this currency, by `livedash price rate`.")] = None,
    as_json: Json = False,
) -> None:
    """What the models cost, in US dollars: exact, and what is not known is said."""
    first, last = (day.date() if day else None for day in (first_day, last_day))
    with database(Settings()) as engine:
        scope = scope_of(engine, company=company)
        with engine.connect() as connection:
            found = read_costs(
                connection,
                by=by,
                company_ids=scope.company_ids,
                first_day=first,
                last_day=last,
                currency=currency.upper() if currency else None,
            )
            miscounted = miscounted_batches(connection, company_ids=scope.company_ids, first_day=first, last_day=last)
    if as_json:
        print_json({**asdict(found), "miscounted_batches": miscounted})
    else:
        _show(found)
        for sentence in miscounted:
            say(sentence)


def _show(found: Costs) -> None:
    if not found.lines:
        say("No model has been asked there.")
        return
    columns = ["requests", "reused", "rejected", "unknown", "sent", "unpriced", "prompt_tokens", "completion_tokens"]
    # What is rare is shown when there is some.
    shown = [name for name in columns if name in ("requests", *columns[-2:]) or getattr(found.total, name)]
    money = {"USD": "cost_usd"} | ({found.currency: "cost"} if found.currency else {})
    print_table(
        [found.by, *(name.replace("_", " ") for name in shown), *money],
        ([getattr(line, name) for name in ("key", *shown, *money.values())] for line in (*found.lines, found.total)),
    )
    total = found.total
    if total.unknown or total.sent or total.unpriced:
        say(
            f"Not in the sum: {total.unknown + total.sent} calls that may have been billed, {total.unpriced} that were "
            f"without a known price; together at most USD {total.uncertain_usd:f}, as far as their models have a price."
        )
    if found.currency and total.cost is None:
        say(f"Some days have no rate for {found.currency}: livedash price rate {found.currency} PER_USD --from DAY")


@app.command("set")
def set_(
    model: Model,
    input_: Annotated[Decimal, typer.Option("--input", parser=decimal, metavar="USD", help="Per million tokens.")],
    output: Annotated[Decimal, typer.Option(parser=decimal, metavar="USD", help="Per million tokens.")],
    cached_input: Annotated[
        Decimal | None, typer.Option(parser=decimal, metavar="USD", help="Unset: like other input.")
    ] = None,
    cache_write: Annotated[
        Decimal | None, typer.Option(parser=decimal, metavar="USD", help="Unset: like other input.")
    ] = None,
    since: Since = None,
) -> None:
    """Set what a model costs, over what the catalogue says; calls that had no price get this one."""
    valid_from = since.replace(tzinfo=UTC) if since else datetime.now(UTC)
    with database(Settings()) as engine, engine.begin() as connection:
        set_price(
            connection,
            model,
            valid_from=valid_from,
            input_=input_,
            output=output,
            cached_input=cached_input,
            cache_write=cache_write,
        )
    say(f"{model}: USD {input_:f} in and {output:f} out per million tokens, from {valid_from:%Y-%m-%d %H:%MZ} on.")


@app.command("list")
def list_(model: Annotated[str | None, typer.Option(help="Only this model.")] = None, as_json: Json = False) -> None:
    """List the prices, in US dollars per million tokens."""
    with database(Settings()) as engine, engine.connect() as connection:
        found = list_prices(connection, model)
    if as_json:
        print_json(found)
    elif not found:
        say("There is no price; this sets one: livedash price set MODEL --input USD --output USD")
    else:
        print_table(list(found[0]), (list(price.values()) for price in found))


@app.command()
def rate(
    currency: Annotated[str, typer.Argument(metavar="CURRENCY", help="ISO 4217, such as EUR.")],
    per_usd: Annotated[Decimal, typer.Argument(parser=decimal, metavar="PER_USD", help="What a dollar is worth.")],
    since: Since = None,
) -> None:
    """Set what a US dollar is worth in another currency, from a day on."""
    valid_from: date = (since or datetime.now(UTC)).date()
    with database(Settings()) as engine, engine.begin() as connection:
        set_rate(connection, currency.upper(), per_usd, valid_from)
    say(f"A dollar is {per_usd:f} {currency.upper()} from {valid_from} on.")


COMMANDS = (costs,)
