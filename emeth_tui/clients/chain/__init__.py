"""Reading the chain: JSON-RPC, the contracts' ABI, jobs, balances and events."""
