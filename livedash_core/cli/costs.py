"""`livedash costs` and `livedash price …`: the costs, and the prices and currency rates that they are based on."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from livedash_core.cli.context import database, scope_of
from livedash_core.cli.options import Company, Json
from livedash_core.cli.output import print_json, print_table, say
from livedash_core.costs import Costs, Grouping, list_prices, miscounted_batches, read_costs, set_price, set_rate
from livedash_core.costs.amounts import amount
from livedash_core.parsing.days import parse_day, start_of_day
from livedash_core.settings import Settings

app = typer.Typer(help="Prices of models, and currency rates.", no_args_is_help=True)


def decimal(text: str) -> Decimal:
    """Parse an exact, non-negative number. Raises ``typer.BadParameter`` for anything else."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is not a number") from None
    if not value.is_finite() or value < 0:
        raise typer.BadParameter(f"{text} is not an amount")
    return value


Model = Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model, as in requests.")]
Since = Annotated[
    date | None,
    typer.Option("--from", parser=parse_day, metavar="DATE", help="Valid from this day (UTC); unset: from now."),
]


def costs(
    company: Company = None,
    by: Annotated[Grouping, typer.Option(help="What each line sums up.")] = "day",
    first_day: Annotated[
        date | None,
        typer.Option("--from", parser=parse_day, metavar="DATE", help="Requests of this day (UTC) or later."),
    ] = None,
    last_day: Annotated[
        date | None,
        typer.Option("--to", parser=parse_day, metavar="DATE", help="Requests of this day (UTC) or earlier."),
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="Show costs in this currency too, by the rates of `livedash price rate`.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the costs of model calls, in US dollars, and separately the calls whose cost is unknown."""
    with database(Settings()) as engine:
        scope = scope_of(engine, company=company)
        with engine.connect() as connection:
            found = read_costs(
                connection,
                by=by,
                company_ids=scope.company_ids,
                first_day=first_day,
                last_day=last_day,
                currency=currency.upper() if currency else None,
            )
            miscounted = miscounted_batches(
                connection, company_ids=scope.company_ids, first_day=first_day, last_day=last_day
            )
    if as_json:
        print_json({**asdict(found), "miscounted_batches": miscounted})
    else:
        _show(found)
        for sentence in miscounted:
            say(sentence)


def _show(found: Costs) -> None:
    if not found.lines:
        say("There are no model calls in this selection.")
        return
    columns = ["requests", "reused", "rejected", "unknown", "sent", "unpriced", "prompt_tokens", "completion_tokens"]
    # Columns of rare values are shown if there are any.
    shown = [name for name in columns if name in ("requests", *columns[-2:]) or getattr(found.total, name)]
    money = {"USD": "cost_usd"} | ({found.currency: "cost"} if found.currency else {})
    print_table(
        [found.by, *(name.replace("_", " ") for name in shown), *money],
        ([getattr(line, name) for name in ("key", *shown, *money.values())] for line in (*found.lines, found.total)),
    )
    total = found.total
    if total.unknown or total.sent or total.unpriced:
        say(
            f"Not included: {total.unknown + total.sent} calls that may have been billed, {total.unpriced} billed "
            f"calls of unknown cost; together at most {amount(total.uncertain_usd)} for those whose model has a price."
        )
    if found.currency and total.cost is None:
        say(f"Some days have no rate for {found.currency}: livedash price rate {found.currency} PER_USD --from DAY")


@app.command("set")
def set_(
    model: Model,
    input_: Annotated[Decimal, typer.Option("--input", parser=decimal, metavar="USD", help="Per million tokens.")],
    output: Annotated[Decimal, typer.Option(parser=decimal, metavar="USD", help="Per million tokens.")],
    cached_input: Annotated[
        Decimal | None, typer.Option(parser=decimal, metavar="USD", help="Per million tokens; unset: as other input.")
    ] = None,
    cache_write: Annotated[
        Decimal | None, typer.Option(parser=decimal, metavar="USD", help="Per million tokens; unset: as other input.")
    ] = None,
    since: Since = None,
) -> None:
    """Set the price of a model. It overrides the catalogue and also applies to past calls that have no price."""
    valid_from = start_of_day(since) if since else datetime.now(UTC)
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
        say("There are no prices. Set one with: livedash price set MODEL --input USD --output USD")
    else:
        print_table(list(found[0]), (list(price.values()) for price in found))


@app.command()
def rate(
    currency: Annotated[str, typer.Argument(metavar="CURRENCY", help="ISO 4217, such as EUR.")],
    per_usd: Annotated[Decimal, typer.Argument(parser=decimal, metavar="PER_USD", help="Value of one US dollar.")],
    since: Since = None,
) -> None:
    """Set the value of a US dollar in another currency, from a day on."""
    valid_from = since or datetime.now(UTC).date()
    with database(Settings()) as engine, engine.begin() as connection:
        set_rate(connection, currency.upper(), per_usd, valid_from)
    say(f"A dollar is {per_usd:f} {currency.upper()} from {valid_from} on.")
