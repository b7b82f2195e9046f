"""Amounts, times and strangers' texts as machines read them: exact to the wei, in UTC, harmless."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

from emeth_tui.model import WEI_PER_TOKEN

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # full-width ones run, too


def exact_decimal(amount_wei: int) -> str:
    """Write wei as tokens with every digit and nothing else: `20.123456789`, `-0.5`."""
    whole, fraction = divmod(abs(amount_wei), WEI_PER_TOKEN)
    decimals = f".{fraction:018d}".rstrip("0") if fraction else ""
    return f"{'-' if amount_wei < 0 else ''}{whole}{decimals}"


def decimal_text(amount: Decimal | None) -> str | None:
    """Write an amount that may be absent, without zeros at its end."""
    if amount is None:
        return None
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def harmless(text: str) -> str:
    """Make a text of a stranger's one that a spreadsheet takes for a text, on one line."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return f"'{shown}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else shown


def iso(unix_s: float) -> str:
    """Write a time in UTC, to the second; one that no calendar holds as its number."""
    try:
        moment = datetime.fromtimestamp(int(unix_s), tz=timezone.utc)
    except (OverflowError, ValueError, OSError):
        return str(int(unix_s))
    return moment.isoformat().replace("+00:00", "Z")


def iso_or_none(unix_s: float | None) -> str | None:
    """Write a time that may be absent."""
    return None if unix_s is None else iso(unix_s)
