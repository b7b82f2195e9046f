"""The chain of a devnet: py-evm or anvil behind Ethereum's JSON-RPC.

py-evm is behind a JSON-RPC of our own. eth-tester looks a transaction up by walking back through all blocks,
loses revert data, and mines random block hashes, so that a saved chain could not be replayed.
"""

from emeth_tui.clients import recursion_limit  # noqa: F401 - before web3
