"""Costs: the ledger of model calls, prices, budgets, rate limits and reports.

==========================  ====================================================================
Record calls one by one     ``DatabaseLedger``, which implements ``Ledger``
Record many calls           ``open_calls``, ``close_calls``, in a transaction of the caller
Prices                      ``load_prices``, ``import_price_catalogue``, ``set_price``, ``list_prices``
Exchange rates              ``set_rate``
Model servers               ``list_traits``, ``store_traits``: what they do not accept
Reports                     ``read_costs``, ``describe_forecast``, ``miscounted_batches``
==========================  ====================================================================

Nothing here knows what a call is made for. Budgets and rate limits are enforced when a call is opened. Importing this
package imports neither a provider's SDK nor ``genai-prices``.
"""

from livedash_core.costs.ledger import CallEnd, Ledger, PlannedCall, RateLimitUpdate, Usage
from livedash_core.costs.ledger_store import (
    ABANDONED_AFTER_SECONDS,
    abandon_calls,
    add_reused,
    add_to_totals,
    close_calls,
    mark_unusable,
    open_calls,
    price_unpriced_calls,
    recount,
    stored_totals,
)
from livedash_core.costs.ledger_writer import DatabaseLedger
from livedash_core.costs.model_servers import ServerTraits, forget_traits, list_traits, store_traits
from livedash_core.costs.prices import import_price_catalogue, list_prices, load_prices, set_price, set_rate
from livedash_core.costs.pricing import Price, PriceList, cost_of, max_cost_of
from livedash_core.costs.rate_limiter import Limits
from livedash_core.costs.reports import (
    CostLine,
    Costs,
    Forecast,
    Grouping,
    describe_forecast,
    forecast,
    miscounted_batches,
    read_costs,
)

__all__ = [
    "ABANDONED_AFTER_SECONDS",
    "CallEnd",
    "CostLine",
    "Costs",
    "DatabaseLedger",
    "Forecast",
    "Grouping",
    "Ledger",
    "Limits",
    "PlannedCall",
    "Price",
    "PriceList",
    "RateLimitUpdate",
    "ServerTraits",
    "Usage",
    "abandon_calls",
    "add_reused",
    "add_to_totals",
    "close_calls",
    "cost_of",
    "describe_forecast",
    "forecast",
    "forget_traits",
    "import_price_catalogue",
    "list_prices",
    "list_traits",
    "load_prices",
    "mark_unusable",
    "max_cost_of",
    "miscounted_batches",
    "open_calls",
    "price_unpriced_calls",
    "read_costs",
    "recount",
    "set_price",
    "set_rate",
    "store_traits",
    "stored_totals",
]
