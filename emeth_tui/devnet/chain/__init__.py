"""The chain of a devnet: py-evm or anvil behind Ethereum's JSON-RPC."""
