"""Amounts of money as text, in one format for pages, commands, alerts and logs. Pure."""

from __future__ import annotations

from decimal import Decimal


def amount(value: Decimal, currency: str = "USD") -> str:
    """Format an amount with two decimals, such as ``$1,234.50`` or ``EUR 3.20``; below one, two significant digits."""
    digits = max(2, 1 - value.adjusted()) if value and abs(value) < 1 else 2
    return f"{'$' if currency == 'USD' else f'{currency} '}{value:,.{digits}f}"
