"""DevChain's JSON-RPC port over HTTP: bodies, parameters and errors, right and wrong."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emeth_tui.devnet.chain.backends import PyEvmChain
from emeth_tui.devnet.chain.errors import RpcError
from emeth_tui.devnet.chain.evm import Call, CallResult, Evm
from emeth_tui.devnet.chain.server import DevChain
from tests.devnet.chain.raw_rpc import ALICE, CHAIN_ID, GENESIS_ACCOUNTS, RawRpc, signed

LOOP_FOR_A_WHILE = {"data": "0x5b600056", "gas": hex(1_500_000)}  # runs until its gas is gone


@pytest.fixture
async def rpc() -> AsyncIterator[RawRpc]:
    chain = PyEvmChain(chain_id=CHAIN_ID, state_file=None, genesis_accounts=GENESIS_ACCOUNTS)
    await chain.start()
    client = RawRpc(chain.rpc_url)
    yield client
    await client.close()
    await chain.stop()


def request(method: str, *params: Any, request_id: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": list(params)}


async def test_a_batch_is_answered_in_order(rpc: RawRpc) -> None:
    batch = [request("eth_chainId", request_id="a"), request("eth_nonsense"), 5, request("net_version")]
    answers = await rpc.post(batch)
    assert answers == [
        {"jsonrpc": "2.0", "id": "a", "result": "0xea61"},
        {
            "jsonrpc": "2.0",
            "id": 1,
            "error": {"code": -32601, "message": "the method eth_nonsense does not exist"},
        },
        {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "not a JSON-RPC request"}},
        {"jsonrpc": "2.0", "id": 1, "result": "60001"},
    ]


async def test_notifications_are_done_and_not_answered(rpc: RawRpc) -> None:
    silent = {"jsonrpc": "2.0", "method": "evm_mine", "params": []}
    assert (await rpc.post_raw(silent)).status_code == 204
    assert (await rpc.post_raw([silent, silent])).status_code == 204
    assert await rpc.post([silent, request("eth_blockNumber")]) == [
        {"jsonrpc": "2.0", "id": 1, "result": "0x4"}
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"nonsense", -32700),
        (b"", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b"5", -32600),
        (b"null", -32600),
        (b'{"id": 1}', -32600),
        (b'{"id": 1, "method": 5}', -32600),
        (b'{"id": 1, "method": "eth_chainId", "params": {}}', -32602),
        (b'{"id": 1, "method": "eth_chainId", "params": [1]}', -32602),
        (b"[" + b"1," * 1_000 + b"1]", -32600),
    ],
    ids=lambda value: repr(value)[:30],
)
async def test_bodies_that_are_no_requests_are_refused(rpc: RawRpc, body: bytes, code: int) -> None:
    assert (await rpc.post(body))["error"]["code"] == code
    assert await rpc.result("eth_chainId") == "0xea61"


async def test_a_body_too_large_is_refused(rpc: RawRpc) -> None:
    response = await rpc.post_raw(b" " * (8 * 1024 * 1024 + 1))
    assert response.status_code == 413
    assert response.json()["error"]["code"] == -32600


async def test_other_methods_and_paths_are_not_served(rpc: RawRpc) -> None:
    assert (await rpc._client.get("/")).status_code == 405
    assert (await rpc._client.post("/other", json=request("eth_chainId"))).status_code == 404


@pytest.mark.slow
async def test_a_long_call_does_not_stop_the_event_loop(rpc: RawRpc) -> None:
    """The program around the chain keeps running while py-evm works."""
    beats = 0
    call = asyncio.create_task(rpc.answer("eth_call", LOOP_FOR_A_WHILE))
    while not call.done():
        beats += 1
        await asyncio.wait({call}, timeout=0.005)
    assert (await call)["error"] == {"code": -32000, "message": "out of gas"}
    assert beats > 10


@pytest.fixture(scope="module")
def chain() -> Any:
    made = DevChain(chain_id=CHAIN_ID, state_file=None, genesis_accounts=GENESIS_ACCOUNTS)
    yield made
    made.close()


SHORT = "0x12"
HASH = "0x" + "ab" * 32


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBalance", []),
        ("eth_getBalance", [SHORT, "latest"]),
        ("eth_getBalance", [ALICE.address, "newest"]),
        ("eth_getBalance", [ALICE.address, "0x" + "f" * 65]),
        ("eth_getBalance", [ALICE.address, -1]),
        ("eth_getBalance", [ALICE.address, True]),
        ("eth_getBalance", [ALICE.address, [1]]),
        ("eth_getBalance", [ALICE.address, {"blockHash": SHORT}]),
        ("eth_getBalance", [5, "latest"]),
        ("eth_getBalance", [None, "latest"]),
        ("eth_getBalance", [ALICE.address, "latest", 1]),
        ("eth_getStorageAt", [ALICE.address, "x", "latest"]),
        ("eth_getBlockByNumber", ["0x0", "yes"]),
        ("eth_getBlockByHash", [SHORT, False]),
        ("eth_getTransactionByHash", [SHORT]),
        ("eth_getTransactionReceipt", [[HASH]]),
        ("eth_call", [[]]),
        ("eth_call", [{"to": SHORT}]),
        ("eth_call", [{"data": "0x123"}]),
        ("eth_call", [{"data": "0xzz"}]),
        ("eth_call", [{"value": "-0x1"}]),
        ("eth_call", [{"value": hex(2**256)}]),
        ("eth_call", [{"gas": "much"}]),
        ("eth_getLogs", [5]),
        ("eth_getLogs", [{"address": SHORT}]),
        ("eth_getLogs", [{"topics": HASH}]),
        ("eth_getLogs", [{"topics": [SHORT]}]),
        ("eth_getLogs", [{"topics": [None] * 5}]),
        ("eth_getLogs", [{"topics": [[HASH, 5]]}]),
        ("eth_getLogs", [{"blockHash": HASH, "fromBlock": "0x0"}]),
        ("eth_feeHistory", ["0x0", "latest", []]),
        ("eth_feeHistory", ["0x1", "latest", [50, 10]]),
        ("eth_feeHistory", ["0x1", "latest", [101]]),
        ("eth_feeHistory", ["0x1", "latest", ["half"]]),
        ("eth_feeHistory", ["0x1", "latest", 5]),
        ("evm_setAutomine", ["off"]),
        ("evm_revert", ["first"]),
        ("web3_sha3", ["text"]),
    ],
)
def test_wrong_parameters_are_refused(chain: DevChain, method: str, params: list[Any]) -> None:
    with pytest.raises(RpcError) as caught:
        chain.request(method, *params)
    assert caught.value.code == -32602


_METHODS = ["eth_call", "eth_estimateGas", "eth_getLogs", "eth_feeHistory", "eth_getBalance"]
_METHODS += ["eth_getStorageAt", "eth_getBlockByNumber", "eth_getTransactionCount", "evm_revert", "evm_mine"]
_METHODS += ["eth_sendRawTransaction"]
_WORDS = ["latest", "pending", "0x", "0x0", "0x5208", "0x60006000fd", "0x" + "f" * 64]
_WORDS += [HASH, SHORT, ALICE.address]
_KEYS = ["to", "from", "data", "input", "value", "gas", "gasPrice", "maxFeePerGas", "fromBlock", "toBlock"]
_KEYS += ["address", "topics", "blockHash", "blockNumber"]
_numbers = st.none() | st.booleans() | st.integers() | st.floats()
_plain = st.sampled_from(_WORDS) | _numbers | st.text(max_size=9)
_json = _plain | st.lists(_plain, max_size=5) | st.dictionaries(st.sampled_from(_KEYS), _plain, max_size=6)


@pytest.mark.slow
@given(method=st.sampled_from(_METHODS), params=st.lists(_json, max_size=4))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_parameters_are_answered_or_refused(chain: DevChain, method: str, params: list[Any]) -> None:
    """Nothing that a stranger sends ends in an error that the chain did not mean."""
    with contextlib.suppress(RpcError):
        chain.request(method, *params)


@pytest.mark.parametrize(
    ("block", "number"),
    [
        ("latest", lambda head: head),
        ("safe", lambda head: max(0, head - 32)),
        ("finalized", lambda head: max(0, head - 64)),
        ("earliest", lambda head: 0),
        ("pending", lambda head: head + 1),
    ],
)
def test_blocks_have_names(chain: DevChain, block: str, number: Callable[[int], int]) -> None:
    read_number = {"data": "0x4360005260206000f3"}  # a contract creation that returns block.number
    chain.request("evm_mine")
    head = int(chain.request("eth_blockNumber"), 16)
    assert int(chain.request("eth_call", read_number, block), 16) == number(head)


def test_a_block_may_be_named_by_its_hash_or_number(chain: DevChain) -> None:
    genesis = chain.request("eth_getBlockByNumber", "earliest")
    for name in ({"blockHash": genesis["hash"]}, {"blockNumber": "0x0"}, "0x0", 0):
        assert chain.request("eth_getBalance", ALICE.address, name) == hex(GENESIS_ACCOUNTS[ALICE.address])
    with pytest.raises(RpcError, match="block not found"):
        chain.request("eth_getBalance", ALICE.address, {"blockHash": HASH})


def test_calls_that_fail_say_how(chain: DevChain) -> None:
    failures = {
        "0xfe": "execution failed: InvalidInstruction",
        "0x60006000fd": "execution reverted",
        "0x5b600056": "out of gas",
        "0x" + "00" * 50_000: "out of gas",
    }
    for code, words in failures.items():
        with pytest.raises(RpcError) as caught:
            chain.request("eth_call", {"data": code, "gas": hex(1_000_000)})
        assert caught.value.message == words
    with pytest.raises(RpcError, match="intrinsic gas too low"):
        chain.request("eth_call", {"to": ALICE.address, "gas": hex(20_000)})


def test_a_call_sees_the_price_it_names(chain: DevChain) -> None:
    read_price = {"from": ALICE.address, "data": "0x3a60005260206000f3", "gasPrice": hex(5 * 10**9)}
    assert int(chain.request("eth_call", read_price), 16) == 5 * 10**9
    with pytest.raises(RpcError, match="insufficient funds"):
        chain.request("eth_call", {**read_price, "from": "0x" + "99" * 20, "gas": "0x30000"})


def test_an_estimate_is_enough_and_little_more(chain: DevChain) -> None:
    """Gas that must be left over is needed too: what was used is not the answer."""
    assert chain.request("eth_estimateGas", {"to": ALICE.address}) == hex(21_000)
    # Creation code: reverts unless more than 200,000 gas are left.
    picky = {"data": "0x62030d405a11600e5760006000fd5b00"}
    estimate = int(chain.request("eth_estimateGas", picky), 16)
    chain.request("eth_call", {**picky, "gas": hex(estimate)})
    with pytest.raises(RpcError):
        chain.request("eth_call", {**picky, "gas": hex(int(estimate * 0.98))})


def test_an_estimate_of_a_nested_call_takes_two_executions(
    chain: DevChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all, and with what that spent and the 64th that the caller keeps."""
    gas: list[int] = []
    spent: list[int] = []
    call = Evm.call

    def counted(evm: Evm, header: Any, one: Call) -> CallResult:
        gas.append(one.gas)
        result = call(evm, header, one)
        spent.append(result.gas_spent)
        return result

    monkeypatch.setattr(Evm, "call", counted)
    # Creation code: reverts unless sha256 of 32 kB goes well, for which it passes on all the gas it may.
    hashing = {"data": "0x5f5f6180005f5f60025af16011575f5ffd5b00"}
    estimate = int(chain.request("eth_estimateGas", hashing), 16)

    assert len(gas) == 2
    assert spent[0] < estimate == gas[1] < spent[0] * 1.016


def deploy(chain: DevChain, code: str) -> str:
    """Put a contract of at most 32 bytes on the chain; return its address."""
    nonce = int(chain.request("eth_getTransactionCount", ALICE.address), 16)
    size = len(code) // 2
    creation = f"0x{0x5F + size:02x}{code}5f5260{size:02x}60{32 - size:02x}f3"  # push, store, return
    raw = signed(nonce, to=None, value=0, gas=200_000, data=creation)
    receipt = chain.request("eth_getTransactionReceipt", chain.request("eth_sendRawTransaction", raw))
    address: str = receipt["contractAddress"]
    assert chain.request("eth_getCode", address) == f"0x{code}"
    return address


@pytest.mark.parametrize(
    ("load", "store"), [("54", "55"), ("5c", "5d")], ids=["storage", "transient storage"]
)
def test_calls_leave_nothing_behind(chain: DevChain, load: str, store: str) -> None:
    """Neither what they wrote, nor that they have read it: that would be cheaper the second time."""
    contract = deploy(chain, f"5f{load}600101805f{store}5f5260205ff3")  # count up, and return the count
    counting = {"to": contract}
    estimates = [chain.request("eth_estimateGas", counting) for _ in range(2)]
    counted = [chain.request("eth_call", {**counting, "gas": hex(gas)}) for gas in (100_000, 100_001)]

    assert estimates[0] == estimates[1]
    assert [int(each, 16) for each in counted] == [1, 1]
    assert int(chain.request("eth_getStorageAt", contract, "0x0"), 16) == 0


def test_where_one_code_may_be_jumped_to_another_may_not(chain: DevChain) -> None:
    """Each jumps to its fifth byte: a JUMPDEST in the one, what a PUSH1 pushes in the other."""
    for _ in range(2):
        assert chain.request("eth_call", {"data": "0x600456005b00"}) == "0x"
        with pytest.raises(RpcError, match="InvalidInstruction"):
            chain.request("eth_call", {"data": "0x600456605b00"})


def test_calls_may_nest_as_deep_as_gas_goes(chain: DevChain) -> None:
    """A contract that calls itself with all its gas must not exhaust the thread's stack."""
    contract = deploy(chain, "5f5f5f5f5f305af100")  # call(gas(), address(), 0, 0, 0, 0, 0)
    if sys.version_info[:2] == (3, 12):  # it alone limits C code that nests, whatever the recursion limit
        with pytest.raises(RpcError, match="deeper than this Python follows"):
            chain.request("eth_call", {"to": contract})
    else:
        assert chain.request("eth_call", {"to": contract}) == "0x"


def test_an_estimate_stops_at_what_the_sender_can_pay(chain: DevChain) -> None:
    price_wei = GENESIS_ACCOUNTS[ALICE.address] // 30_000
    loop = {"from": ALICE.address, "data": "0x5b600056", "gasPrice": hex(price_wei)}
    with pytest.raises(RpcError, match=r"intrinsic gas too low|gas required exceeds allowance"):
        chain.request("eth_estimateGas", loop)
