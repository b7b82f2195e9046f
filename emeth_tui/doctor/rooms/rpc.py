"""RPC endpoints, each by itself: the chain's id, the age of its head, latency, batches, logs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from emeth_tui.clients.chain.contract_events import BLOCKS_A_REQUEST
from emeth_tui.clients.chain.endpoint import Endpoint
from emeth_tui.clients.chain.json_rpc import Request, RpcRefusal
from emeth_tui.clients.chain.values import BadAnswer, quantity
from emeth_tui.clients.http.exchange import ExchangeFailed
from emeth_tui.doctor.check import Check
from emeth_tui.doctor.finding import Finding, Room, error, note, ok, warning
from emeth_tui.doctor.subject import RPC_LIMITS, Subject
from emeth_tui.engine.money.witnesses import LAG_BLOCKS
from emeth_tui.notices.reasons.doctor import remedies
from emeth_tui.notices.reasons.doctor import rpc as found
from emeth_tui.notices.reasons.network.chain import EndpointBehind, OtherChain
from emeth_tui.notices.reasons.network.rpc import LogsNotList, NoNewestBlock
from emeth_tui.settings import Network

OLD_HEAD_S = 600.0  # a chain that stands still for so long takes no transactions either
SLOW_MS = 2_000
FEW_BLOCKS = 100  # of logs at once: what a node that was away has to read takes long


async def _endpoints(subject: Subject) -> Sequence[Finding]:
    network = subject.network
    probes = [
        _Probe(Endpoint(url, subject.transport.client, RPC_LIMITS), network) for url in network.rpc_urls
    ]
    each = await asyncio.gather(*(probe.findings() for probe in probes))
    newest = max((probe.block for probe in probes if probe.block is not None), default=0)
    lagging = [finding for probe in probes for finding in _lag(probe, newest)]
    alone = [note(found.OnlyOneEndpoint(), remedies.AddEndpoint())] if len(probes) == 1 else []
    return [*(finding for findings in each for finding in findings), *lagging, *alone]


def _lag(probe: _Probe, newest: int) -> list[Finding]:
    if probe.block is None or newest - probe.block <= LAG_BLOCKS:
        return []
    return [warning(EndpointBehind(probe.where, newest - probe.block), remedies.UseOtherEndpoint())]


class _Probe:
    """One endpoint under examination."""

    def __init__(self, endpoint: Endpoint, network: Network) -> None:
        self.where = endpoint.where
        self.block: int | None = None
        self._endpoint = endpoint
        self._network = network

    async def findings(self) -> list[Finding]:
        """Ask one question after the other, until one is not answered or the chain is another."""
        findings: list[Finding] = []
        try:
            if wrong := await self._wrong_chain():
                return [wrong]
            for question in (self._head, self._latency, self._batches, self._logs):
                findings.append(await question())
        except ExchangeFailed as failed:  # whose reason names the endpoint
            findings.append(error(failed.reason, remedies.CheckEndpoint()))
        except (BadAnswer, RpcRefusal) as refused:
            senseless = found.EndpointSenseless(self.where, refused.reason)
            findings.append(error(senseless, remedies.CheckEndpoint()))
        return findings

    async def _wrong_chain(self) -> Finding | None:
        expected = self._network.chain_id
        chain_id = quantity(await self._call("eth_chainId"))
        if chain_id == expected:
            return None
        return error(OtherChain(self.where, chain_id, expected), remedies.EndpointOfChain(expected))

    async def _head(self) -> Finding:
        head = await self._call("eth_getBlockByNumber", "latest", False)
        if not isinstance(head, dict):
            raise BadAnswer(NoNewestBlock())
        self.block = quantity(head.get("number"))
        age_s = max(0.0, time.time() - quantity(head.get("timestamp")))
        if age_s > OLD_HEAD_S:
            return warning(found.HeadOld(self.where, self.block, age_s), remedies.UseOtherEndpoint())
        return ok(found.ChainServed(self.where, self._network.chain_id, self.block, age_s))

    async def _latency(self) -> Finding:
        """Measure a call on a connection that is open already."""
        started_s = time.perf_counter()
        await self._call("eth_blockNumber")
        milliseconds = round(1_000 * (time.perf_counter() - started_s))
        if milliseconds > SLOW_MS:
            return warning(found.EndpointSlow(self.where, milliseconds), remedies.UseOtherEndpoint())
        return ok(found.EndpointAnswers(self.where, milliseconds))

    async def _batches(self) -> Finding:
        answers = await self._endpoint.post([Request("eth_blockNumber")] * 2, may_be_busy=False)
        if len(answers) == 2:
            return ok(found.BatchesTaken(self.where))
        return warning(found.BatchesRefused(self.where), remedies.UseOtherEndpoint())

    async def _logs(self) -> Finding:
        """Find how many blocks' logs come at once; a node halves the range as well."""
        blocks = BLOCKS_A_REQUEST
        while True:
            try:
                await self._read_logs(blocks)
                break
            except (RpcRefusal, BadAnswer) as refused:
                if blocks == 1:
                    return error(found.LogsRefused(self.where, refused.reason), remedies.UseOtherEndpoint())
            blocks = max(1, blocks // 4)
        answered = found.LogsAnswered(self.where, blocks)
        return ok(answered) if blocks >= FEW_BLOCKS else warning(answered, remedies.UseOtherEndpoint())

    async def _read_logs(self, blocks: int) -> None:
        newest = self.block or 0
        wanted = {
            "address": self._network.core_address,
            "fromBlock": hex(max(0, newest - blocks + 1)),
            "toBlock": hex(newest),
        }
        if not isinstance(await self._call("eth_getLogs", wanted), list):
            raise BadAnswer(LogsNotList(self.where))

    async def _call(self, method: str, *params: object) -> object:
        """Make one call. Raise ExchangeFailed, or RpcRefusal."""
        answer = (await self._endpoint.post([Request(method, params)], may_be_busy=False))[0]
        if answer.get("error") is not None:
            raise RpcRefusal(self.where, method, answer["error"])
        return answer.get("result")


CHECKS = (Check(Room.RPC, "endpoints", _endpoints, within_s=45.0),)
