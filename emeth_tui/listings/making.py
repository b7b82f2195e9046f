"""Make records of what the engine and the store know."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from emeth_tui.listings import records
from emeth_tui.listings.texts import decimal_text, iso, iso_or_none
from emeth_tui.model import NO_PRICES, SECONDS_PER_DAY, Prices, energy_worth, net_worth, worth
from emeth_tui.notices.notice import field_data
from emeth_tui.words.formats import day_of
from emeth_tui.words.remedies import remedy_of
from emeth_tui.words.sentences import english
from emeth_tui.words.translation import in_english

if TYPE_CHECKING:
    from emeth_tui.engine.hosts.view import HostView
    from emeth_tui.engine.market.rules import Offer
    from emeth_tui.engine.money.deposits import MonthDeposits
    from emeth_tui.engine.money.devices import DeviceAccount
    from emeth_tui.engine.money.earnings import DayAccount
    from emeth_tui.engine.money.profit import Expectation
    from emeth_tui.engine.pauses.view import Coming, HeldDevice
    from emeth_tui.engine.service_health import ServiceStatus
    from emeth_tui.engine.settings_editor import Setting
    from emeth_tui.job import Job
    from emeth_tui.model import JobState, JournaledTransaction, Language
    from emeth_tui.notices.event import Event
    from emeth_tui.store.jobs import AverageRecord, EpochRecord
    from emeth_tui.store.measurements import DeviceUse
    from emeth_tui.store.movements import Movement
    from emeth_tui.workers.views import WorkerView


def job(job: Job) -> records.JobRecord:
    """Make a job's record."""
    return records.JobRecord(
        job_id=job.job_id,
        state=job.state.value,
        by_hand=job.by_hand,
        language=job.language.value,
        dataset=job.dataset,
        dataset_bytes=job.dataset_bytes,
        model=job.model,
        epochs=job.epochs,
        epochs_done=job.epochs_done,
        validation_loss=finite(job.valid_loss),
        start_loss=finite(job.start_loss),
        best_loss=finite(job.best_loss),
        batch_size=job.batch_size,
        fee_wei=str(job.fee_wei),
        deposit_wei=str(job.deposit_wei),
        earned_wei=str(job.earned_wei),
        lost_wei=str(job.lost_wei),
        gas=job.gas,
        taken_at=iso(job.created_at_unix_s),
        deadline_at=iso(job.deadline_unix_s),
        submitted_at=iso_or_none(job.submitted_at_unix_s),
        ended_at=iso_or_none(job.ended_at_unix_s),
        error=english(job.error) if job.error else None,
        error_kind=job.error.kind if job.error else None,
        paused=job.paused,
        paused_until=iso_or_none(job.paused_until_unix_s),
        seen_end=job.seen_end.value if job.seen_end else None,
        energy_j=joules(job.energy_mj),
        parts=job.parts,
        averaging=job.averaging,
    )


def state(state: JobState, at_unix_s: float) -> records.StateRecord:
    """Make the record of a state that a job went through."""
    return records.StateRecord(state.value, iso(at_unix_s))


def epoch(epoch: EpochRecord) -> records.EpochRecord:
    """Make an epoch's record."""
    return records.EpochRecord(
        epoch.epoch, finite(epoch.train_loss), finite(epoch.valid_loss), round(epoch.seconds, 3)
    )


def average(average: AverageRecord) -> records.AverageRecord:
    """Make the record of what an average took."""
    return records.AverageRecord(
        average.epoch, round(average.seconds, 3), average.bytes_up, average.bytes_down
    )


def transaction(tx: JournaledTransaction) -> records.TransactionRecord:
    """Make a transaction's record, without its signed bytes."""
    return records.TransactionRecord(
        tx_hash=tx.tx_hash,
        nonce=tx.nonce,
        purpose=tx.purpose,
        state=tx.state.value,
        job_id=tx.job_id,
        sent_at=iso(tx.created_at_unix_s),
        gas_used=tx.gas_used,
        fee_native_wei=None if tx.fee_wei is None else str(tx.fee_wei),
    )


def movement(movement: Movement, fee_wei: int | None, prices: Prices = NO_PRICES) -> records.MovementRecord:
    """Make a movement's record, with what this account paid for its gas, at the owner's prices of then."""
    prices = prices.at(movement.at_unix_s)
    return records.MovementRecord(
        at=iso(movement.at_unix_s),
        kind=movement.kind.value,
        job_id=movement.job_id,
        amount_wei=str(movement.amount_wei),
        fee_native_wei=None if fee_wei is None else str(fee_wei),
        tx_hash=movement.tx_hash,
        log_index=movement.log_index,
        block_number=movement.block_number,
        currency=prices.currency or None,
        value=decimal_text(worth(movement.amount_wei, prices.emt)),
        fee_value=decimal_text(worth(fee_wei, prices.native)),
    )


def event(event: Event) -> records.EventRecord:
    """Make an event's record."""
    with in_english():
        remedy = remedy_of(event)
    return records.EventRecord(
        at=iso(event.at_unix_s),
        level=event.severity.value,
        event=event.kind,
        job_id=event.job_id,
        message=english(event.body),
        fields=field_data(event.body),
        remedy=remedy,
    )


def offer(
    offer: Offer,
    expected: Expectation,
    deposit_wei: int,
    language: Language | None,
    prices: Prices = NO_PRICES,
) -> records.OfferRecord:
    """Make the record of a job on offer."""
    return records.OfferRecord(
        job_id=offer.job.job_id,
        suitable=offer.refusal is None,
        refusal=english(offer.refusal) if offer.refusal else None,
        refusal_kind=offer.refusal.kind if offer.refusal else None,
        fee_wei=str(offer.job.fee_wei),
        deposit_wei=str(deposit_wei),
        expected_reward_wei=str(expected.reward_wei),
        expected_profit_wei=str(expected.profit_wei),
        expected_gas=expected.gas,
        language=language.value if language else None,
        dataset=offer.job.dataset,
        dataset_bytes=offer.job.dataset_bytes,
        deadline_at=iso(offer.job.deadline_unix_s),
        needed_low_s=round(offer.needed.low_s, 3),
        needed_high_s=round(offer.needed.high_s, 3),
        measured=offer.needed.measured,
        requester=offer.job.owner,
        expected_energy_j=joules(expected.energy_mj),
        expected_net=decimal_text(expected.net(prices)),
    )


def day(day: DayAccount, prices: Prices = NO_PRICES) -> records.DayRecord:
    """Make a day's record, at the owner's prices of that day."""
    prices = prices.at(day.start_unix_s)
    return records.DayRecord(
        day=day_of(day.start_unix_s),
        ended=day.ended,
        verified=day.verified,
        costly=day.costly,
        gas=day.gas,
        earned_wei=str(day.earned_wei),
        lost_wei=str(day.lost_wei),
        reward_wei=str(day.reward_wei),
        total_wei=str(day.total_wei),
        reward_state=day.reward_state.value,
        estimated_reward_wei=str(day.estimated_wei),
        fee_native_wei=str(day.native_fee_wei),
        currency=prices.currency or None,
        value=decimal_text(worth(day.total_wei, prices.emt)),
        fee_value=decimal_text(worth(day.native_fee_wei, prices.native)),
        energy_j=joules(day.energy_mj),
        energy_value=decimal_text(energy_worth(day.energy_mj, prices.energy)),
        net=decimal_text(net_worth(prices, day.total_wei, day.native_fee_wei, day.energy_mj)),
    )


def device(device: DeviceAccount, prices: Prices = NO_PRICES) -> records.DeviceRecord:
    """Make a device's record, at the owner's prices."""
    return records.DeviceRecord(
        device=device.device,
        work_s=device.work_ms / 1_000,
        energy_j=joules(device.energy_mj),
        emt_wei=str(device.emt_wei),
        currency=prices.currency or None,
        value=decimal_text(worth(device.emt_wei, prices.emt)),
        energy_value=decimal_text(energy_worth(device.energy_mj, prices.energy)),
        net=decimal_text(net_worth(prices, device.emt_wei, 0, device.energy_mj)),
    )


def device_use(use: DeviceUse) -> records.DeviceUseRecord:
    """Make the record of a device's work on a job."""
    day = day_of(use.slot * SECONDS_PER_DAY)
    return records.DeviceUseRecord(day, use.device, use.work_ms / 1_000, joules(use.energy_mj))


def net(job: Job, fee_wei: int, prices: Prices) -> records.NetRecord:
    """Make the record of what is left of a job, at the owner's prices of its end."""
    prices = prices.at(job.ended_at_unix_s)
    emt_wei = job.earned_wei - job.lost_wei
    return records.NetRecord(
        currency=prices.currency or None,
        value=decimal_text(worth(emt_wei, prices.emt)),
        fee_value=decimal_text(worth(fee_wei, prices.native)),
        energy_value=decimal_text(energy_worth(job.energy_mj, prices.energy)),
        net=decimal_text(net_worth(prices, emt_wei, fee_wei, job.energy_mj)),
    )


def joules(energy_mj: int | None) -> float | None:
    """Return thousandths of a joule as joules."""
    return None if energy_mj is None else energy_mj / 1_000


def month(
    deposits: MonthDeposits, days: Sequence[DayAccount], prices: Prices = NO_PRICES
) -> records.MonthRecord:
    """Make a month's record, at the owner's prices."""
    from emeth_tui.engine.money.earnings import net_of_days

    measured = [day.energy_mj for day in days if day.energy_mj is not None]
    return records.MonthRecord(
        month=deposits.month,
        deposits_taken_wei=str(deposits.taken_wei),
        deposits_returned_wei=str(deposits.returned_wei),
        deposits_kept_wei=str(deposits.kept_wei),
        deposits_held_wei=str(deposits.held_wei),
        days=[day(one, prices) for one in days],
        energy_j=joules(sum(measured)) if measured else None,
        net=decimal_text(net_of_days(days, prices)),
    )


def worker(worker: WorkerView, held: HeldDevice | None = None) -> records.WorkerRecord:
    """Make a worker's record; `held` where its device is."""
    return records.WorkerRecord(
        index=worker.index,
        device=worker.device,
        device_name=worker.device_name,
        pid=worker.pid,
        phase=worker.phase.value,
        job_id=worker.job_id,
        epoch=worker.epoch,
        epochs=worker.epochs,
        step=worker.step,
        steps=worker.steps,
        train_loss=finite(worker.train_loss),
        validation_loss=finite(worker.valid_loss),
        tokens_per_s=finite(worker.tokens_per_s),
        held=english(held.reason) if held else None,
        finishing=held.finishing if held else None,
        held_kind=held.reason.kind if held else None,
        held_since=iso_or_none(held.since_unix_s if held else None),
        part=worker.part,
        parts=worker.parts,
    )


def coming(change: Coming) -> records.ComingRecord:
    """Make the record of what comes next."""
    return records.ComingRecord(iso(change.at_unix_s), english(change.what), change.what.kind)


def service(service: ServiceStatus) -> records.ServiceRecord:
    """Make a service's record."""
    return records.ServiceRecord(
        name=service.name.value,
        works=service.broken_since_unix_s is None,
        broken_since=iso_or_none(service.broken_since_unix_s),
        reason=english(service.reason) if service.reason else None,
    )


def setting(setting: Setting) -> records.SettingRecord:
    """Make a setting's record."""
    return records.SettingRecord(
        key=setting.key,
        value=setting.value,
        origin=setting.origin.value,
        pending=setting.pending,
        at_run_time=setting.at_run_time,
        meaning=setting.meaning,
    )


def finite(number: float | None) -> float | None:
    """Return a number that JSON knows; None for one that diverged."""
    return number if number is not None and math.isfinite(number) else None


def host(host: HostView) -> records.HostRecord:
    """Make a host's record."""
    return records.HostRecord(
        name=host.name,
        destination=host.destination,
        joined=host.joined,
        draining=host.draining,
        away_s=round(host.away_s, 1),
        reason=english(host.reason) if host.reason else None,
        reason_kind=host.reason.kind if host.reason else None,
        devices=list(host.devices),
        emeth_tui=host.version,
        python=host.python,
        torch=host.torch,
        free_bytes=host.free_bytes,
        lacks=english(host.lacks) if host.lacks else None,
        lacks_kind=host.lacks.kind if host.lacks else None,
        checkpoint_age_s=host.checkpoint_age_s,
        jobs=[records.HostJobRecord(job.job_id, job.device, job.checkpoint_age_s) for job in host.jobs],
        transport=host.transport,
        joined_s=round(host.joined_s, 1),
        differs=[each.what for each in host.differs],
        out_bytes=host.traffic.out_bytes,
        home_bytes=host.traffic.home_bytes,
        out_bytes_per_s=round(host.traffic.out_bytes_per_s, 1),
        home_bytes_per_s=round(host.traffic.home_bytes_per_s, 1),
    )
