"""Reading the chain: JSON-RPC, the contracts' ABI, jobs, balances and events."""

from emeth_tui.clients import recursion_limit  # noqa: F401 - before web3
