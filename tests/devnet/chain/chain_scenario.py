"""A scenario of JSON-RPC calls, each answer kept under a name, to compare chains by."""

from __future__ import annotations

from typing import Any

from web3.utils import get_create_address

from emeth_tui.protocol.contracts import ROUND_3_2_RATES
from tests.contracts.world import core_params
from tests.devnet.chain.raw_rpc import ALICE, BOB, GWEI, PAUPER, RawRpc, creation, encoded, signed

START_UNIX_S = 2_000_000_000
TOKEN = get_create_address(ALICE.address, 3)
CORE = get_create_address(ALICE.address, 4)
JOB_ID = bytes(range(16))
NO_HASH = "0x" + "ab" * 32
FIND_TIME = "0x4260005260206000f3"  # a contract creation that returns block.timestamp
LOOP = "0x5b600056"  # a contract creation that never ends


class Scenario:
    """One chain's answers to the scenario, by name."""

    def __init__(self, rpc: RawRpc) -> None:
        self.rpc = rpc
        self.answers: dict[str, Any] = {}
        self.nonce = 0
        self.now_unix_s = START_UNIX_S

    async def ask(self, name: str, method: str, *params: Any) -> Any:
        answer = await self.rpc.answer(method, *params)
        self.answers[name] = {key: answer[key] for key in ("result", "error") if key in answer}
        return answer.get("result")

    async def send(self, name: str, **changes: Any) -> str:
        """Send a transaction of Alice's that is mined at once, ten seconds later; note its receipt."""
        self.now_unix_s += 10
        await self.rpc.result("evm_setNextBlockTimestamp", self.now_unix_s)
        sent = await self.rpc.result("eth_sendRawTransaction", signed(self.nonce, **changes))
        self.nonce += 1
        await self.mined(self.nonce)
        await self.ask(name, "eth_getTransactionReceipt", sent)
        return str(sent)

    async def mined(self, nonce: int) -> None:
        """Wait until Alice's transactions before this nonce are mined: anvil answers a little earlier."""
        while int(await self.rpc.result("eth_getTransactionCount", ALICE.address, "latest"), 16) < nonce:
            pass

    async def live(self) -> None:
        await self.settle()
        for part in (
            self.basics,
            self.transfers,
            self.contracts,
            self.logs,
            self.calls,
            self.refusals,
            self.fees,
            self.automine,
            self.clock,
            self.snapshots,
            self.bodies,
            self.gaps,  # the last: anvil mines what filled a gap in one block or in two
        ):
            await part()

    async def settle(self) -> None:
        """Mine until the base fee reaches its minimum, so that it is the same from here on."""
        for _ in range(200):
            self.now_unix_s += 1
            await self.rpc.result("evm_mine", self.now_unix_s)

    async def basics(self) -> None:
        await self.ask("chain id", "eth_chainId")
        await self.ask("network id", "net_version")
        await self.ask("accounts", "eth_accounts")
        await self.ask("syncing", "eth_syncing")
        await self.ask("block number", "eth_blockNumber")
        await self.ask("balance", "eth_getBalance", ALICE.address, "latest")
        await self.ask("balance of nobody", "eth_getBalance", PAUPER.address, "latest")
        await self.ask("code of nobody", "eth_getCode", PAUPER.address, "latest")
        await self.ask("storage of nobody", "eth_getStorageAt", PAUPER.address, "0x0", "latest")
        await self.ask("empty block", "eth_getBlockByNumber", "latest", True)
        await self.ask("no such block", "eth_getBlockByNumber", "0xffff", True)
        await self.ask("no such hash", "eth_getBlockByHash", NO_HASH, True)
        await self.ask("no such transaction", "eth_getTransactionByHash", NO_HASH)
        await self.ask("no such receipt", "eth_getTransactionReceipt", NO_HASH)

    async def transfers(self) -> None:
        dynamic = await self.send("EIP-1559 receipt")
        legacy = await self.send("legacy receipt", gasPrice=3 * GWEI, value=7)
        listed = await self.send(
            "access list receipt",
            gasPrice=3 * GWEI,
            accessList=[{"address": BOB.address, "storageKeys": ["0x" + "01" * 32]}],
            gas=30_000,
        )
        await self.ask("EIP-1559 transaction", "eth_getTransactionByHash", dynamic)
        await self.ask("legacy transaction", "eth_getTransactionByHash", legacy)
        await self.ask("access list transaction", "eth_getTransactionByHash", listed)
        await self.ask("block with transactions", "eth_getBlockByNumber", "latest", True)
        await self.ask("block with hashes", "eth_getBlockByNumber", "latest", False)
        await self.ask("balance after transfers", "eth_getBalance", BOB.address, "latest")
        await self.ask("balance before transfers", "eth_getBalance", BOB.address, "0xc8")
        await self.ask("nonce", "eth_getTransactionCount", ALICE.address, "latest")

    async def contracts(self) -> None:
        core = creation("EmethCore", TOKEN, ALICE.address, core_params(ROUND_3_2_RATES))
        await self.send("token created", to=None, value=0, gas=2_000_000, data=creation("EmethToken", 10**26))
        await self.send("core created", to=None, value=0, gas=4_000_000, data=core)
        approve = encoded("EmethToken", "approve", CORE, 10**24)
        request = encoded("EmethCore", "request", JOB_ID, 1, "a.txt", "{}", 20 * 10**18, 2**40)
        process = encoded("EmethCore", "process", JOB_ID)
        await self.send("approved", to=TOKEN, value=0, gas=100_000, data=approve)
        await self.send("requested", to=CORE, value=0, gas=500_000, data=request)
        await self.send("processed", to=CORE, value=0, gas=500_000, data=process)
        await self.send("refused", to=CORE, value=0, gas=500_000, data=process)
        await self.send("out of gas", to=CORE, value=0, gas=30_000, data=request)
        await self.send("paid to a contract that takes nothing", to=CORE, value=5, gas=50_000)
        await self.ask("code", "eth_getCode", TOKEN, "latest")
        await self.ask("storage", "eth_getStorageAt", TOKEN, "0x0", "latest")
        await self.ask("block with logs", "eth_getBlockByNumber", "0xd0", False)

    async def logs(self) -> None:
        head = await self.rpc.result("eth_getBlockByNumber", "0xcf", False)
        job, node = "0x" + JOB_ID.hex() + "00" * 16, "0x" + ALICE.address[2:].lower().rjust(64, "0")
        filters: dict[str, Any] = {
            "all logs": {"fromBlock": "0x0", "toBlock": "latest"},
            "logs of the latest block": {},
            "logs of the core": {"fromBlock": "0x0", "address": CORE},
            "logs of both": {"fromBlock": "0x0", "address": [CORE, TOKEN]},
            "logs of nobody": {"fromBlock": "0x0", "address": PAUPER.address},
            "logs in a range": {"fromBlock": "0xce", "toBlock": "0xcf"},
            "logs of a block": {"blockHash": head["hash"]},
            "logs of no block": {"blockHash": NO_HASH},
            "logs past the head": {"fromBlock": "0x0", "toBlock": "0xffff"},
            "logs backwards": {"fromBlock": "0xcf", "toBlock": "0xce"},
            "logs by first topic": {"fromBlock": "0x0", "topics": [None, job]},
            "logs by third topic": {"fromBlock": "0x0", "topics": [None, None, job]},
            "logs by either topic": {"fromBlock": "0x0", "topics": [None, [job, node]]},
            "logs by any topic": {"fromBlock": "0x0", "topics": [[], None]},
            "logs with more topics than there are": {"fromBlock": "0x0", "topics": [None, None, None, node]},
            "logs by an unknown topic": {"fromBlock": "0x0", "topics": [NO_HASH]},
        }
        for name, wanted in filters.items():
            await self.ask(name, "eth_getLogs", wanted)

    async def calls(self) -> None:
        jobs = {"to": CORE, "data": encoded("EmethCore", "jobs", JOB_ID)}
        process = {"from": ALICE.address, "to": CORE, "data": encoded("EmethCore", "process", JOB_ID)}
        await self.ask("call", "eth_call", jobs, "latest")
        await self.ask("call by input", "eth_call", {"to": CORE, "input": jobs["data"]}, "latest")
        await self.ask("call in the past", "eth_call", jobs, "0xce")
        await self.ask("call before the contract", "eth_call", jobs, "0x0")
        await self.ask("call in the future", "eth_call", jobs, "0xffff")
        await self.ask("call of nobody", "eth_call", {"to": PAUPER.address, "data": "0x1234"}, "latest")
        await self.ask("call refused", "eth_call", process, "latest")
        await self.ask("call of no function", "eth_call", {"to": CORE, "data": "0x12345678"}, "latest")
        penniless = {"from": PAUPER.address, "value": "0x1"}
        await self.ask("call without the money", "eth_call", penniless, "latest")
        await self.ask("estimate refused", "eth_estimateGas", process)
        transfer = {"from": ALICE.address, "to": BOB.address}
        await self.ask("estimate of a transfer", "eth_estimateGas", transfer)
        decline = {"from": ALICE.address, "to": CORE, "data": encoded("EmethCore", "decline", JOB_ID)}
        await self.ask("estimate of a call", "eth_estimateGas", decline)
        await self.ask("estimate without end", "eth_estimateGas", {"data": LOOP, "gas": "0x186a0"})

    async def refusals(self) -> None:
        next_nonce = self.nonce
        sends: dict[str, str] = {
            "nonce too low": signed(0),
            "nonce too low, other bytes": signed(0, value=9),
            "no money": signed(next_nonce, value=10**30),
            "no money at all": signed(0, PAUPER),
            "too little gas": signed(next_nonce, gas=20_000),
            "too much gas": signed(next_nonce, gas=40_000_000),
            "wrong chain": signed(next_nonce, chainId=1),
            "fee below base fee": signed(next_nonce, maxFeePerGas=1, maxPriorityFeePerGas=1),
            "legacy fee below base fee": signed(next_nonce, gasPrice=1),
            "bytes that are no transaction": "0x1234",
            "no bytes": "0x",
            "no hex": "zz",
        }
        for name, raw in sends.items():
            await self.ask(name, "eth_sendRawTransaction", raw)
        await self.ask("no such method", "eth_nonsense")
        await self.ask("too few parameters", "eth_sendRawTransaction")
        await self.ask("a short address", "eth_getBalance", "0x12", "latest")
        await self.ask("balance in the future", "eth_getBalance", ALICE.address, "0xffff")
        await self.ask("nonce after refusals", "eth_getTransactionCount", ALICE.address, "pending")

    async def fees(self) -> None:
        await self.ask("gas price", "eth_gasPrice")
        await self.ask("priority fee", "eth_maxPriorityFeePerGas")
        await self.ask("fee history", "eth_feeHistory", "0x5", "latest", [10, 50, 90])
        await self.ask("fee history without tips", "eth_feeHistory", "0x3", "0xcf", [])
        everything = await self.rpc.result("eth_feeHistory", "0x300", "0xcf", [])
        lengths = {key: len(value) for key, value in everything.items() if isinstance(value, list)}
        self.answers["fee history of everything"] = {**lengths, "oldestBlock": everything["oldestBlock"]}

    async def gaps(self) -> None:
        """Nonces out of order: what waits, what replaces, and what comes of it when the gap is filled."""
        ahead = signed(self.nonce + 1)
        waiting = await self.rpc.result("eth_sendRawTransaction", ahead)
        await self.ask("already known", "eth_sendRawTransaction", ahead)
        await self.ask("underpriced", "eth_sendRawTransaction", signed(self.nonce + 1, value=3))
        await self.ask("waiting transaction", "eth_getTransactionByHash", waiting)
        await self.ask("receipt of a waiting one", "eth_getTransactionReceipt", waiting)
        await self.ask("pending nonce at a gap", "eth_getTransactionCount", ALICE.address, "pending")
        await self.ask("pool at a gap", "txpool_status")
        better = signed(self.nonce + 1, value=4, maxFeePerGas=40 * GWEI, maxPriorityFeePerGas=2 * GWEI)
        await self.ask("replaced", "eth_sendRawTransaction", better)
        await self.ask("gap filled", "eth_sendRawTransaction", signed(self.nonce))
        self.nonce += 2
        await self.mined(self.nonce)
        await self.ask("nonce after the gap", "eth_getTransactionCount", ALICE.address, "latest")

    async def automine(self) -> None:
        await self.ask("automine off", "evm_setAutomine", False)
        sent = await self.ask("sent without mining", "eth_sendRawTransaction", signed(self.nonce))
        await self.ask("known while waiting", "eth_sendRawTransaction", signed(self.nonce))
        await self.ask("pending nonce", "eth_getTransactionCount", ALICE.address, "pending")
        await self.ask("latest nonce", "eth_getTransactionCount", ALICE.address, "latest")
        await self.ask("pool", "txpool_status")
        await self.rpc.result("eth_sendRawTransaction", signed(self.nonce + 1))
        self.now_unix_s += 10
        await self.ask("mined", "evm_mine", self.now_unix_s)
        await self.ask("receipt of the first of two", "eth_getTransactionReceipt", sent)
        await self.ask("both in one block", "eth_getBlockByNumber", "latest", True)
        await self.ask("automine on", "evm_setAutomine", True)
        self.nonce += 2

    async def clock(self) -> None:
        await self.ask("time in the past", "evm_setNextBlockTimestamp", self.now_unix_s - 5)
        await self.ask("time set", "evm_setNextBlockTimestamp", self.now_unix_s + 10)
        await self.send("mined at a time", value=0)
        await self.ask("block at a time", "eth_getBlockByNumber", "latest", False)
        await self.ask("time of a call", "eth_call", {"data": FIND_TIME}, "latest")
        self.now_unix_s += 86_400
        await self.ask("mined at a given time", "evm_mine", self.now_unix_s)
        await self.ask("time of the next call", "eth_call", {"data": FIND_TIME}, "latest")
        await self.ask("mined in the past", "evm_mine", 5)
        await self.ask("time moved by nonsense", "evm_increaseTime", "soon")
        await self.ask("time moved backwards", "evm_increaseTime", -5)

    async def snapshots(self) -> None:
        taken = await self.rpc.result("evm_snapshot")
        before = await self.rpc.result("eth_blockNumber")
        sent = await self.send("sent after a snapshot")
        await self.ask("reverted", "evm_revert", taken)
        await self.ask("reverted again", "evm_revert", taken)
        assert await self.rpc.result("eth_blockNumber") == before
        await self.ask("transaction after a revert", "eth_getTransactionByHash", sent)
        await self.ask("nonce after a revert", "eth_getTransactionCount", ALICE.address, "latest")
        self.nonce -= 1
        await self.send("sent again after a revert")

    async def bodies(self) -> None:
        def request(method: str, request_id: Any = 7) -> dict[str, Any]:
            return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": []}

        posts: dict[str, Any] = {
            "batch": [request("eth_chainId", 1), request("eth_nonsense", "two"), request("net_version", 3)],
            "no request": {"id": 1},
            "named parameters": {**request("eth_chainId"), "params": {}},
            "no parameters": {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"},
        }
        for name, body in posts.items():
            self.answers[name] = await self.rpc.post(body)
        silent = await self.rpc.post_raw({"jsonrpc": "2.0", "method": "eth_chainId", "params": []})
        self.answers["notification"] = [silent.status_code, silent.text]
