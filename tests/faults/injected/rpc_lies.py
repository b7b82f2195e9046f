"""What an RPC endpoint says that is not so: it lags, it lies, it changes its mind about its chain."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from eth_utils.crypto import keccak

from emeth_tui.protocol.contracts import JobStatus
from tests.faults.injected.link_faults import HTML
from tests.faults.stage.proxy import Act, Exchange, Message

Json = dict[str, Any]
Lie = Callable[[Json, Any], Any]  # request, honest result: what is told instead
JOBS_SELECTOR = "0x" + keccak(text="jobs(bytes16)")[:4].hex()
_STATUS_WORD = 5  # of what `jobs` returns


def lies(lie: Lie) -> Act:
    """Return an endpoint that answers all requests, batches too, with this lie."""

    async def act(exchange: Exchange) -> None:
        answer = await exchange.forward()
        await exchange.answer(answer.with_body(_told(exchange.request, answer, lie)))

    return act


def _told(request: Message, answer: Message, lie: Lie) -> bytes:
    try:
        asked, answered = json.loads(request.body), json.loads(answer.body)
    except ValueError:
        return answer.body
    by_id = {each.get("id"): each for each in (asked if isinstance(asked, list) else [asked])}
    for each in answered if isinstance(answered, list) else [answered]:
        if "result" in each and each.get("id") in by_id:
            each["result"] = lie(by_id[each["id"]], each["result"])
    return json.dumps(answered).encode()


def lags(chance: random.Random) -> Act:
    """Return an endpoint that stands some blocks behind the chain's head."""
    behind = chance.randint(3, 30)

    async def act(exchange: Exchange) -> None:
        head = await _head(exchange)
        seen = max(0, head - behind)
        request = exchange.request.with_body(_as_of(exchange.request.body, seen))
        answer = await exchange.forward(request)
        await exchange.answer(answer.with_body(_told(request, answer, _only_up_to(seen))))

    return act


async def _head(exchange: Exchange) -> int:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}).encode()
    answer = await exchange.forward(exchange.request.with_body(body))
    return int(json.loads(answer.body)["result"], 16)


def _as_of(body: bytes, number: int) -> bytes:
    """Have every request that reads the newest block read an older one."""
    try:
        asked = json.loads(body)
    except ValueError:
        return body
    for each in asked if isinstance(asked, list) else [asked]:
        if each.get("method") in _READ_AT and isinstance(each.get("params"), list):
            each["params"] = [hex(number) if param == "latest" else param for param in each["params"]]
    return json.dumps(asked).encode()


_READ_AT = {"eth_call", "eth_getBalance", "eth_getTransactionCount", "eth_getCode", "eth_getBlockByNumber"}


def _only_up_to(number: int) -> Lie:
    def lie(request: Json, result: Any) -> Any:
        if request.get("method") == "eth_blockNumber":
            return hex(number)
        if request.get("method") == "eth_getTransactionReceipt" and result:
            return result if int(result["blockNumber"], 16) <= number else None
        if request.get("method") == "eth_getLogs" and isinstance(result, list):
            return [log for log in result if int(log["blockNumber"], 16) <= number]
        return result

    return lie


def no_receipt(_chance: random.Random) -> Act:
    """Return an endpoint that has forgotten every receipt."""
    return lies(lambda request, result: None if request["method"] == "eth_getTransactionReceipt" else result)


def failed_receipt(_chance: random.Random) -> Act:
    """Return an endpoint to which every transaction failed."""

    def lie(request: Json, result: Any) -> Any:
        if request["method"] == "eth_getTransactionReceipt" and result:
            return {**result, "status": "0x0", "logs": []}
        return result

    return lies(lie)


def wrong_status(chance: random.Random) -> Act:
    """Return an endpoint that tells another status of every job that somebody has."""
    told = chance.choice(
        (JobStatus.TIMEOUT, JobStatus.FAILED, JobStatus.DECLINED, JobStatus.VERIFIED, JobStatus.REQUESTED)
    )

    def lie(request: Json, result: Any) -> Any:
        if not _is_jobs_call(request) or not isinstance(result, str) or len(result) != 2 + 7 * 64:
            return result
        start = 2 + _STATUS_WORD * 64
        if int(result[start : start + 64], 16) not in (JobStatus.PROCESSING, JobStatus.SUBMITTED):
            return result
        return f"{result[:start]}{told:064x}{result[start + 64 :]}"

    return lies(lie)


def _is_jobs_call(request: Json) -> bool:
    params = request.get("params") or [{}]
    call = params[0] if isinstance(params[0], dict) else {}
    data = str(call.get("data", call.get("input", "")))
    return request.get("method") == "eth_call" and data.startswith(JOBS_SELECTOR)


def other_chain(_chance: random.Random) -> Act:
    """Return an endpoint that serves another chain from now on."""
    return lies(lambda request, result: "0x1" if request["method"] == "eth_chainId" else result)


def dear_gas(chance: random.Random) -> Act:
    """Return an endpoint that asks for a multiple of the price."""
    factor = chance.choice((2, 2, 10, 1_000))

    def lie(request: Json, result: Any) -> Any:
        if request["method"] in ("eth_gasPrice", "eth_maxPriorityFeePerGas"):
            return hex(int(result, 16) * factor)
        return result

    return lies(lie)


def refuses_batches(_chance: random.Random) -> Act:
    async def act(exchange: Exchange) -> None:
        if exchange.request.body.lstrip().startswith(b"["):
            await exchange.answer(Message("HTTP/1.1 400 Bad Request", (("Content-Type", "text/html"),), HTML))
        else:
            await exchange.answer(await exchange.forward())

    return act


LIES: dict[str, Callable[[random.Random], Act]] = {
    "lags": lags,
    "no receipts": no_receipt,
    "failed receipts": failed_receipt,
    "wrong status": wrong_status,
    "another chain id": other_chain,
    "dear gas": dear_gas,
    "no batches": refuses_batches,
}
