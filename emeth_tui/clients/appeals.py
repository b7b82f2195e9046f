"""A node's side of appeals: its results whose rejection is held, and a second opinion (protocol.md §9c)."""

from __future__ import annotations

import time
from typing import Any

from eth_utils.crypto import keccak

from emeth_tui.clients.http.exchange import ExchangeFailed, Limits, Reply, exchange
from emeth_tui.clients.http.transport import Transport
from emeth_tui.clients.wallet import Wallet
from emeth_tui.errors import InfoServerError
from emeth_tui.foreign_text import endpoint
from emeth_tui.model import JobId
from emeth_tui.notices.reasons.network.exchange import UnexpectedStatus
from emeth_tui.notices.reasons.network.info_server import AppealRefused, InfoServerDown, NotJobJson
from emeth_tui.protocol.appeals import HeldRejection, appeal_path, appeal_text, read_held
from emeth_tui.protocol.storage_api import signing_payload
from emeth_tui.settings import Network

LIMITS = Limits(max_bytes=262_144, deadline_s=30.0)


class AppealClient:
    """One network's appeals, for one account."""

    def __init__(self, network: Network, wallet: Wallet, transport: Transport) -> None:
        self._url = network.info_url
        self._core_address = network.core_address
        self._where = endpoint(network.info_url)
        self._wallet = wallet
        self._client = transport.client

    async def held(self, job_id: JobId) -> HeldRejection | None:
        """Return the rejection of a job that is held, None where there is none. Raise InfoServerError."""
        reply = await self._ask("GET", job_id)
        if reply.status == 404:
            return None
        if reply.status != 200:
            raise InfoServerError(InfoServerDown(UnexpectedStatus(self._where, reply.status)))
        try:
            return read_held(reply.body)
        except (ValueError, RecursionError) as error:
            raise InfoServerError(NotJobJson(self._where)) from error

    async def appeal(self, job_id: JobId) -> None:
        """Ask for a second opinion of a job. Raise InfoServerError, also when that is refused."""
        time_ms = int(time.time() * 1_000)
        text = appeal_text(job_id, self._core_address)
        signature = self._wallet.sign_digest(keccak(signing_payload(text, time_ms)))
        call = {
            "jobId": job_id,
            "address": self._wallet.address,
            "sig": "0x" + signature.hex(),
            "signedtime": time_ms,
        }
        reply = await self._ask("POST", job_id, json=call)
        if reply.status in {403, 404, 409}:
            raise InfoServerError(AppealRefused(job_id, reply.status))
        if reply.status != 200:
            raise InfoServerError(InfoServerDown(UnexpectedStatus(self._where, reply.status)))

    async def _ask(self, method: str, job_id: JobId, **options: Any) -> Reply:
        try:
            return await exchange(self._client, method, self._url + appeal_path(job_id), LIMITS, **options)
        except ExchangeFailed as error:
            raise InfoServerError(InfoServerDown(error.reason)) from error
