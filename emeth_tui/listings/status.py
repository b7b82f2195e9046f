"""The node at a moment, as a record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from emeth_tui.listings import making
from emeth_tui.listings.records import StatusRecord
from emeth_tui.listings.texts import iso, iso_or_none
from emeth_tui.words.sentences import english

if TYPE_CHECKING:
    from emeth_tui.engine.view.snapshot import Snapshot
    from emeth_tui.job import Job
    from emeth_tui.notices.notice import Reason
    from emeth_tui.settings import Network


def status_of(pid: int, version: str, snapshot: Snapshot) -> StatusRecord:
    """Make the record of a running node."""
    deposits, today, head = snapshot.deposits, snapshot.today, snapshot.head
    standstill, held = snapshot.standstill, {device.worker: device for device in snapshot.held}
    waiting_wei = sum(share.withdrawable_wei for share in today.waiting) if today else None
    return StatusRecord(
        running=True,
        pid=pid,
        version=version,
        at=iso(snapshot.at_unix_s),
        network=snapshot.network,
        chain_id=snapshot.chain_id,
        address=snapshot.address,
        block=head.number if head else None,
        block_at=iso_or_none(head.timestamp_unix_s if head else None),
        stopping=snapshot.stopping,
        claims_paused=_text(snapshot.claims_paused),
        not_claiming=_text(standstill.reason if standstill else None),
        not_claiming_kind=standstill.reason.kind if standstill else None,
        not_claiming_since=iso_or_none(standstill.since_unix_s if standstill else None),
        free_wei=_wei(deposits.free_wei if deposits else None),
        locked_wei=_wei(deposits.locked_wei if deposits else None),
        at_risk_wei=_wei(deposits.at_risk_wei if deposits else None),
        native_wei=_wei(deposits.native_wei if deposits else None),
        gas_today=today.share.own_gas if today else None,
        estimated_reward_wei=_wei(today.share.own_reward_wei if today else None),
        waiting_rewards_wei=_wei(waiting_wei),
        disk_used_bytes=snapshot.disk.used_bytes,
        disk_limit_bytes=snapshot.disk.limit_bytes,
        workers=[making.worker(worker, held.get(worker.index)) for worker in snapshot.workers],
        jobs=[making.job(job) for job in snapshot.jobs],
        services=[making.service(service) for service in snapshot.services],
        coming=[making.coming(change) for change in snapshot.coming],
        claims_paused_until=end_of_claims_pause(snapshot.claims_paused),
    )


def status_without_node(network: Network, jobs: Iterable[Job], now_unix_s: float) -> StatusRecord:
    """Make the record of a node that does not run: the jobs that wait for it."""
    return StatusRecord(
        running=False,
        pid=None,
        version=None,
        at=iso(now_unix_s),
        network=network.name,
        chain_id=network.chain_id,
        address=None,
        block=None,
        block_at=None,
        stopping="",
        claims_paused=None,
        not_claiming=None,
        not_claiming_kind=None,
        not_claiming_since=None,
        free_wei=None,
        locked_wei=None,
        at_risk_wei=None,
        native_wei=None,
        gas_today=None,
        estimated_reward_wei=None,
        waiting_rewards_wei=None,
        disk_used_bytes=None,
        disk_limit_bytes=None,
        workers=[],
        jobs=[making.job(job) for job in jobs],
        services=[],
        coming=[],
        claims_paused_until=None,
    )


def end_of_claims_pause(paused: Reason | None) -> str | None:
    """Return when a pause of claiming ends by itself, None where it does not."""
    from emeth_tui.notices.reasons.pauses.by_hand import PausedUntil

    return iso(paused.until_unix_s) if isinstance(paused, PausedUntil) else None


def _text(reason: Reason | None) -> str | None:
    return english(reason) if reason else None


def _wei(amount_wei: int | None) -> str | None:
    return None if amount_wei is None else str(amount_wei)
