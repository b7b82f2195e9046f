"""`emeth-tui transactions` and `rewards`: what was sent, what each day brought, every movement of EMT."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from emeth_tui.cli.node.place import Place, run
from emeth_tui.cli.output.listing import listing
from emeth_tui.cli.output.printing import Output, example, print_json
from emeth_tui.cli.output.table import Column, paragraph_lines
from emeth_tui.cli.types import COUNT, SINCE
from emeth_tui.errors import ControlError, ExitCode, NotRunning
from emeth_tui.model import Prices, TransactionState, format_token, net_worth, worth
from emeth_tui.streams import narrate
from emeth_tui.words.formats import (
    cost,
    day_of,
    duration,
    emt,
    energy,
    exact_emt,
    exact_token,
    moment,
    rounded_up,
    transaction_state_name,
)
from emeth_tui.words.sentences import text_of
from emeth_tui.words.translation import _

if TYPE_CHECKING:
    from emeth_tui.engine.money.devices import DeviceAccount
    from emeth_tui.engine.money.earnings import DayAccount
    from emeth_tui.engine.view.snapshot import TodaysShare
    from emeth_tui.model import JournaledTransaction
    from emeth_tui.store.movements import Movement
    from emeth_tui.store.reading import StoreReader

SHOWN = 100
DAYS_SHOWN = 30
_ROLES = {
    TransactionState.MINED: "good",
    TransactionState.REVERTED: "bad",
    TransactionState.REPLACED: "muted",
}


@click.command(
    epilog=example("emeth-tui transactions --limit 20", "emeth-tui transactions --since 30d --csv")
)
@click.option("--limit", type=COUNT, default=SHOWN, show_default=True, help="The newest.")
@SINCE
@listing
def transactions(place: Place, output: Output, limit: int, since: float | None) -> ExitCode:
    """List the transactions that the node signed, the newest first, with what each paid for gas."""
    from emeth_tui.listings import making
    from emeth_tui.listings.records import TransactionRecord

    with place.tables() as tables:
        known = [tx for tx in tables.journal.recent(limit) if tx.created_at_unix_s >= (since or 0.0)]
    if not known:
        output.nothing(_("no transaction yet"))
    output.table(TransactionRecord, known, making.transaction, lambda: _transaction_columns(_symbol(place)))
    return ExitCode.OK


class Month(click.ParamType[str]):
    """A month, UTC."""

    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", value):
            self.fail(f"{value!r} is not a month such as 2026-11", param, ctx)
        return str(value)


@click.command(
    epilog=example("emeth-tui rewards --month 2026-11", "emeth-tui rewards --movements --csv > movements.csv")
)
@click.option("--days", type=click.IntRange(1), metavar="N", help=f"The last N days [default: {DAYS_SHOWN}].")
@click.option(
    "--month", type=Month(), metavar="M", help="The days of a month, such as 2026-11, and its deposits."
)
@click.option("--movements", is_flag=True, help="Every movement of EMT, with its transaction.")
@click.option("--devices", is_flag=True, help="What each device brought, took, and left net.")
@listing
def rewards(
    place: Place, output: Output, days: int | None, month: str | None, movements: bool, devices: bool
) -> ExitCode:
    """List what each day brought, the newest first: settled amounts, and apart from them what is estimated.

    The reward of a day that goes on, or that is not withdrawn yet, is in no total. --month adds what became
    of the month's deposits: held, returned, kept. --movements lists every movement of EMT instead, one row
    each with transaction hash and fee, as a tax return needs it. --devices lists the devices instead, with
    the time that they worked, their energy and their part of what jobs brought. Without a running node
    nothing is known of rewards that were not withdrawn.
    """
    if days is not None and month is not None:
        raise click.UsageError("--days or --month, not both")
    if movements and devices:
        raise click.UsageError("--movements or --devices, not both")
    earliest, latest = _span(days, month)
    with place.tables() as tables:
        if movements:
            _print_movements(place, output, tables, earliest, latest)
        elif devices:
            _print_devices(place, output, tables, earliest, latest)
        else:
            _print_days(place, output, tables, earliest, latest, month)
    return ExitCode.OK


def _span(days: int | None, month: str | None) -> tuple[float, float]:
    """Return the first and the last moment that is asked for, in unix seconds."""
    if month is not None:
        year, number = int(month[:4]), int(month[5:])
        start = datetime(year, number, 1, tzinfo=timezone.utc)
        end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=timezone.utc)
        return start.timestamp(), end.timestamp() - 1
    midnight = datetime.now(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    earliest = midnight.timestamp() - ((days or DAYS_SHOWN) - 1) * 86_400
    return earliest, float("inf")


def _print_movements(
    place: Place, output: Output, tables: StoreReader, earliest: float, latest: float
) -> None:
    from emeth_tui.listings import making
    from emeth_tui.listings.movements import fees_by_movement, shown_movements
    from emeth_tui.listings.records import MovementRecord

    prices = place.settings.rewards.prices
    moved = shown_movements(tables.movements.after(-1))
    fees_wei = fees_by_movement(tables.journal.all(), moved)
    known = [movement for movement in moved if earliest <= movement.at_unix_s <= latest]
    if not known:
        output.nothing(_("no movement of EMT in this time"))
    output.table(
        MovementRecord,
        known,
        lambda movement: making.movement(movement, fees_wei.get(movement), prices),
        lambda: _movement_columns(fees_wei, _symbol(place), prices),
    )


def _print_devices(place: Place, output: Output, tables: StoreReader, earliest: float, latest: float) -> None:
    from emeth_tui.engine.money.devices import devices_of
    from emeth_tui.listings import making
    from emeth_tui.listings.records import DeviceRecord

    prices = place.settings.rewards.prices.at(min(latest, time.time()))
    days = [day for day in _accounts(place, tables) if earliest <= day.start_unix_s <= latest]
    accounts = devices_of(tables.energy.all(), tables.jobs.all(), days)
    if not accounts:
        output.nothing(_("no device worked in this time"))
    output.table(
        DeviceRecord, accounts, lambda one: making.device(one, prices), lambda: _device_columns(prices)
    )


def _print_days(
    place: Place, output: Output, tables: StoreReader, earliest: float, latest: float, month: str | None
) -> None:
    from emeth_tui.engine.money.deposits import deposits_in
    from emeth_tui.listings import making
    from emeth_tui.listings.records import DayRecord

    prices = place.settings.rewards.prices
    accounts = [day for day in _accounts(place, tables) if earliest <= day.start_unix_s <= latest]
    if month is not None and output.as_json:
        deposits = deposits_in(month, tables.movements.after(-1))
        print_json(asdict(making.month(deposits, accounts, prices)))
        return
    if not accounts:
        output.nothing(_("no day on which anything was earned or paid in this time"))
    symbol = _symbol(place)
    output.table(
        DayRecord, accounts, lambda day: making.day(day, prices), lambda: _day_columns(symbol, prices)
    )
    if output.for_people:
        texts = [*_totals(accounts), *_worth(accounts, prices, symbol)]
        output.lines(["", *paragraph_lines([(text, "") for text in texts], output.style)])
    if output.for_people and month is not None:
        deposits = deposits_in(month, tables.movements.after(-1))
        output.facts(
            [
                (_("deposits taken"), exact_emt(deposits.taken_wei), ""),
                (_("returned"), exact_emt(deposits.returned_wei), "good"),
                (_("kept"), exact_emt(deposits.kept_wei), "bad" if deposits.kept_wei else ""),
                (_("held at its end"), exact_emt(deposits.held_wei), ""),
            ]
        )


def _accounts(place: Place, tables: StoreReader) -> list[DayAccount]:
    from emeth_tui.engine.money.costs import costs_by_day
    from emeth_tui.engine.money.earnings import days_of
    from emeth_tui.listings.movements import withdrawn_by_slot

    costs = costs_by_day(tables.journal.all(), tables.energy.all())
    today = _today(place)
    return days_of(
        tables.jobs.all(),
        today.days if today else (),
        today.share if today else None,
        withdrawn_wei=withdrawn_by_slot(tables),
        native_fees_wei=costs.native_fees_wei,
        energy_mj=costs.energy_mj,
    )


def _today(place: Place) -> TodaysShare | None:
    """Ask the running node for what the chain shows of rewards; None without one."""
    from emeth_tui.cli.commands.market import snapshot_of

    with suppress(NotRunning):
        try:
            return run(snapshot_of(place)).today
        except ControlError as error:
            narrate(f"emeth-tui: {text_of(error.reason)}")
    return None


def _symbol(place: Place) -> str:
    return place.native_symbol()


def _totals(days: Sequence[DayAccount]) -> list[str]:
    settled = _("settled: {earned} earned - {lost} lost + {rewards} rewards = {total}").format(
        earned=emt(sum(day.earned_wei for day in days)),
        lost=exact_emt(sum(day.lost_wei for day in days)),
        rewards=emt(sum(day.reward_wei for day in days)),
        total=emt(sum(day.total_wei for day in days)),
    )
    estimated_wei = sum(day.estimated_wei for day in days)
    if not estimated_wei:
        return [settled]
    return [settled, _("estimated, in no total: {amount}").format(amount=emt(estimated_wei))]


def _worth(days: Sequence[DayAccount], prices: Prices, symbol: str) -> list[str]:
    """Say what the settled amounts are worth at the owner's prices, if the owner keeps any."""
    from emeth_tui.engine.money.earnings import net_of_days

    totals = (
        (_("settled"), sum(day.total_wei for day in days), prices.emt, "EMT"),
        (_("transaction fees"), sum(day.native_fee_wei for day in days), prices.native, symbol),
    )
    net = net_of_days(days, prices)
    left = (
        []
        if net is None
        else [_("net: {net} {currency}").format(net=f"{net:,.2f}", currency=prices.currency)]
    )
    return [
        _("{what} at your price of {price} {currency} for 1 {token}: {value} {currency}").format(
            what=what, price=f"{price:,f}", currency=prices.currency, token=token, value=f"{value:,.2f}"
        )
        for what, amount_wei, price, token in totals
        if not _changed(days, prices)
        and price is not None
        and (value := worth(amount_wei, price)) is not None
    ] + left


def _changed(days: Sequence[DayAccount], prices: Prices) -> bool:
    """Whether other prices than today's value some of the days."""
    held = {prices.at(day.start_unix_s) for day in days}
    return bool(prices.earlier) and held != {prices.at(time.time())}


def reward_state_text(day: DayAccount) -> str:
    """Say what became of a day's reward."""
    from emeth_tui.engine.money.earnings import RewardState

    return {
        RewardState.NONE: "",
        RewardState.OPEN: _("day goes on"),
        RewardState.WAITING: _("not withdrawn"),
        RewardState.WITHDRAWN: _("withdrawn"),
        RewardState.UNKNOWN: _("not known"),
    }[day.reward_state]


def _device_columns(prices: Prices) -> list[Column[DeviceAccount]]:
    def net(device: DeviceAccount) -> str:
        left = net_worth(prices, device.emt_wei, 0, device.energy_mj)
        return "" if left is None else f"{left:,.2f}"

    return [
        Column(_("device"), lambda device: device.device, lambda _device: "title"),
        Column(_("worked"), lambda device: duration(device.work_ms / 1_000), right=True),
        Column(_("energy"), lambda one: "" if one.energy_mj is None else energy(one.energy_mj), right=True),
        Column("EMT", lambda device: format_token(device.emt_wei), right=True),
        *([Column(_net_title(prices), net, right=True)] if prices.emt is not None else []),
    ]


def _net_title(prices: Prices) -> str:
    return _("net {currency}").format(currency=prices.currency)


def _day_columns(symbol: str, prices: Prices) -> list[Column[DayAccount]]:
    from emeth_tui.engine.money.earnings import net_of_days

    def net(day: DayAccount) -> str:
        left = net_of_days([day], prices)
        return "" if left is None else f"{left:,.2f}"

    def estimate(day: DayAccount) -> str:
        return f"≈ {format_token(day.estimated_wei)}" if day.estimated_wei else ""

    return [
        Column(_("day, UTC"), lambda day: day_of(day.start_unix_s)),
        Column(_("ended"), lambda day: f"{day.ended:,}", right=True, rank=4),
        Column(_("verified"), lambda day: f"{day.verified:,}", right=True, rank=5),
        Column(_("gas"), lambda day: f"{day.gas:,}", right=True, rank=3),
        Column(_("earned"), lambda day: format_token(day.earned_wei), right=True, rank=1),
        Column(
            _("lost"),
            lambda day: cost(day.lost_wei, 8),
            lambda d: "bad" if d.lost_wei else "",
            right=True,
            rank=1,
        ),
        Column(_("reward"), lambda day: format_token(day.reward_wei), right=True),
        Column(_("total"), lambda day: format_token(day.total_wei), lambda _day: "title", right=True),
        Column(_("estimated"), estimate, lambda _day: "muted", right=True),
        Column(_("the reward is"), reward_state_text, lambda _day: "muted"),
        Column(
            _("fees {symbol}").format(symbol=symbol),
            lambda day: rounded_up(day.native_fee_wei, 6) if day.native_fee_wei else "",
            right=True,
            rank=6,
        ),
        Column(
            _("energy"),
            lambda day: "" if day.energy_mj is None else energy(day.energy_mj),
            right=True,
            rank=6,
        ),
        *([Column(_net_title(prices), net, right=True, rank=2)] if prices.emt is not None else []),
    ]


def _movement_columns(
    fees_wei: Mapping[Movement, int], symbol: str, prices: Prices
) -> list[Column[Movement]]:
    def value(movement: Movement) -> str:
        amount = worth(movement.amount_wei, prices.at(movement.at_unix_s).emt)
        return "" if amount is None else f"{amount:,.2f}"

    valued = (
        [Column(prices.currency or _("value"), value, right=True, rank=3)] if prices.emt is not None else []
    )

    def fee(movement: Movement) -> str:
        fee_wei = fees_wei.get(movement)
        return "" if fee_wei is None else rounded_up(fee_wei, 8)

    return [
        Column(_("time, UTC"), lambda movement: moment(movement.at_unix_s), lambda _row: "muted"),
        Column(_("kind"), lambda movement: movement.kind.value),
        Column(_("job"), lambda movement: (movement.job_id or "")[:10], lambda _row: "accent", rank=1),
        Column("EMT", lambda movement: exact_token(movement.amount_wei), right=True),
        *valued,
        Column(_("fee {symbol}").format(symbol=symbol), fee, right=True, rank=2),
        Column(_("transaction"), lambda movement: movement.tx_hash, lambda _row: "muted", flexible=True),
    ]


def _transaction_columns(symbol: str) -> list[Column[JournaledTransaction]]:
    def fee(tx: JournaledTransaction) -> str:
        return "" if tx.fee_wei is None else rounded_up(tx.fee_wei, 8)

    return [
        Column(_("sent"), lambda tx: moment(tx.created_at_unix_s), lambda _tx: "muted"),
        Column(_("nonce"), lambda tx: f"{tx.nonce}", right=True, rank=3),
        Column(_("purpose"), lambda tx: tx.purpose),
        Column(_("state"), lambda tx: transaction_state_name(tx.state), lambda tx: _ROLES.get(tx.state, "")),
        Column(_("job"), lambda tx: (tx.job_id or "")[:10], lambda _tx: "accent", rank=1),
        Column(
            _("gas"), lambda tx: f"{tx.gas_used:,}" if tx.gas_used is not None else "", right=True, rank=4
        ),
        Column(_("fee {symbol}").format(symbol=symbol), fee, right=True, rank=2),
        Column(_("hash"), lambda tx: tx.tx_hash, lambda _tx: "muted", flexible=True),
    ]
