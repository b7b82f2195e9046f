"""Wallet: it opens, holds enough for what is on offer, and no other program uses its key."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emeth_tui.clients.chain.client import Balances
from emeth_tui.doctor.check import Check
from emeth_tui.doctor.finding import Finding, Room, Unchecked, error, note, ok, warning
from emeth_tui.doctor.subject import Subject
from emeth_tui.engine.market.rules import ClaimRules
from emeth_tui.errors import EmethError, NetworkError, StoreError, WalletError
from emeth_tui.model import JobState, token_to_wei
from emeth_tui.notices.notice import Reason
from emeth_tui.notices.reasons.doctor import account as found
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.notices.reasons.doctor.checkup import NoPassword
from emeth_tui.notices.reasons.market import KeyUsedElsewhere, UnderNativeLimit
from emeth_tui.notices.reasons.start import NoEmt, NoGasToken, OtherAccount
from emeth_tui.notices.reasons.store import DatabaseOlder
from emeth_tui.notices.reasons.wallet import NoKeystore, WrongPassword
from emeth_tui.process.threads import in_thread
from emeth_tui.protocol.contracts import Rates
from emeth_tui.settings import PASSWORD_VARIABLE, Settings
from emeth_tui.store import key_values
from emeth_tui.store.key_values import account_name
from emeth_tui.store.reading import read_store
from emeth_tui.store.safety.backups import DATABASE_FILE


async def _opens(subject: Subject) -> Sequence[Finding]:
    try:
        wallet = await subject.wallet()
    except Unchecked as closed:
        return [_closed(closed.reason)]
    except WalletError as failed:
        return [error(failed.reason, _remedy(failed.reason))]
    return [ok(found.WalletOpens(wallet.address, subject.settings.keystore_path))]


def _closed(reason: Reason) -> Finding:
    if isinstance(reason, NoPassword):
        return note(reason, remedies.GivePassword(PASSWORD_VARIABLE))
    return error(reason, _remedy(reason))


def _remedy(reason: Reason) -> Reason:
    if isinstance(reason, NoKeystore):
        return remedies.MakeWallet()
    return remedies.CorrectPassword() if isinstance(reason, WrongPassword) else remedies.RestoreKeystore()


async def _balance(subject: Subject) -> Sequence[Finding]:
    address = await subject.address()
    balances = await (await subject.chain()).balances(address)
    settings, symbol = subject.settings, subject.network.native_symbol
    known = await _known(settings.state_dir)
    if known.open_jobs:  # their deposits are elsewhere, and come back
        held = found.UnderWay(balances.emt_wei, balances.native_wei, symbol, known.open_jobs)
        return [ok(held), *_native(address, balances, settings, symbol)]
    rates = await subject.rates()
    return [
        ok(found.BalanceIs(address, balances.emt_wei, balances.native_wei, symbol)),
        *_native(address, balances, settings, symbol),
        *_emt(address, balances, settings, rates),
    ]


def _native(address: str, balances: Balances, settings: Settings, symbol: str) -> list[Finding]:
    remedy = remedies.SendNative(address, symbol)
    if not balances.native_wei:
        return [error(NoGasToken(address, symbol), remedy)]
    least_wei = settings.limits.min_native_wei
    if balances.native_wei < least_wei:
        return [warning(UnderNativeLimit(balances.native_wei, least_wei, symbol), remedy)]
    return []


def _emt(address: str, balances: Balances, settings: Settings, rates: Rates) -> list[Finding]:
    claims = settings.claims
    smallest_wei = max(1, rates.deposit_wei(token_to_wei(claims.min_fee_emt)))
    if balances.emt_wei < smallest_wei:
        return [error(NoEmt(address, balances.emt_wei, smallest_wei), remedies.SendEmt(address))]
    fee_wei = token_to_wei(claims.max_fee_emt)
    jobs = balances.emt_wei // max(1, rates.deposit_wei(fee_wei))
    return [ok(found.JobsAffordable(jobs, fee_wei))]


async def _offers(subject: Subject) -> Sequence[Finding]:
    """Compare the balance with what is on offer now."""
    address = await subject.address()
    try:
        listed, rates = await asyncio.gather(subject.offers(), subject.rates())
        emt_wei = (await (await subject.chain()).balances(address)).emt_wei
    except NetworkError as failed:
        raise Unchecked(failed.reason) from failed
    rules = ClaimRules.of(subject.settings.claims, subject.network, rates)
    least_wei = max(rules.min_fee_wei, rules.least_fee_wei)
    suiting = [job.fee_wei for job in listed if least_wei <= job.fee_wei <= rules.max_fee_wei]
    deposits_wei = sorted(map(rates.deposit_wei, suiting))
    affordable = sum(deposit_wei <= emt_wei for deposit_wei in deposits_wei)
    if not deposits_wei:
        return [note(found.NoOfferSuits(len(listed)), remedies.WidenFees() if listed else None)]
    if not affordable and not (await _known(subject.settings.state_dir)).open_jobs:
        too_dear = found.OffersTooDear(len(deposits_wei), deposits_wei[0], emt_wei)
        return [warning(too_dear, remedies.SendEmt(address))]
    return [ok(found.OffersAffordable(len(deposits_wei), affordable))]


async def _other_program(subject: Subject) -> Sequence[Finding]:
    """Look for transactions of the account that this state's node did not sign."""
    address = await subject.address()
    w3 = (await subject.chain()).w3
    eth, account = w3.eth, w3.to_checksum_address(address)
    latest, pending = map(
        int,
        await asyncio.gather(
            eth.get_transaction_count(account), eth.get_transaction_count(account, "pending")
        ),
    )
    known = await _known(
        subject.settings.state_dir
    )  # after the chain: what our node sends meanwhile is there
    waiting = set(range(latest, pending)) - known.pending
    mined = 0 if known.expected is None else max(0, latest - known.expected)
    findings: list[Finding] = []
    if waiting:
        findings.append(warning(found.ForeignPending(address, len(waiting)), remedies.StopOther()))
    if mined:
        findings.append(warning(KeyUsedElsewhere(address, mined), remedies.StopOther()))
    return findings or [ok(found.NoncesAgree(latest))]


async def _state(subject: Subject) -> Sequence[Finding]:
    state_dir = subject.settings.state_dir
    try:
        known = await in_thread(_read, state_dir)
    except EmethError as failed:
        if isinstance(failed.reason, DatabaseOlder):
            return [note(failed.reason)]  # a node that starts takes it over
        unread = found.StateNotRead(state_dir / DATABASE_FILE, failed.reason)
        return [error(unread, remedies.RestoreStore())]
    address, core = await subject.address(), subject.network.core_address
    if known.account not in {None, account_name(address, core)} and (known.open_jobs or known.has_signed):
        other = OtherAccount(state_dir, known.account or "")
        return [error(other, remedies.UseOtherState())]
    return [ok(found.StateFits(state_dir))]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the state directory knows of the account."""

    account: str | None = None  # whose it is
    open_jobs: int = 0
    has_signed: bool = False
    pending: frozenset[int] = frozenset()  # nonces of our transactions that are not settled
    expected: int | None = None  # the lowest nonce that may be another program's


async def _known(state_dir: Path) -> _Known:
    try:
        return await in_thread(_read, state_dir)
    except StoreError:
        return _Known()  # `_state` says so


def _read(state_dir: Path) -> _Known:
    with read_store(state_dir) as store:
        if store is None:
            return _Known()
        marked = store.key_values.get(key_values.NONCE_SEEN)
        return _Known(
            account=store.key_values.get(key_values.ACCOUNT),
            open_jobs=len(store.jobs.in_states(state for state in JobState if not state.is_final)),
            has_signed=store.journal.next_nonce() > 0,
            pending=frozenset(tx.nonce for tx in store.journal.unsettled()),
            expected=None if marked is None else max(store.journal.next_nonce(), int(marked)),
        )


CHECKS = (
    Check(Room.WALLET, "keystore", _opens, within_s=45.0),
    Check(Room.WALLET, "state", _state),
    Check(Room.WALLET, "balance", _balance, within_s=60.0),
    Check(Room.WALLET, "offers", _offers, within_s=60.0),
    Check(Room.WALLET, "other_program", _other_program, within_s=60.0),
)
