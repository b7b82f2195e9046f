"""The outside world: chain, transactions, storage, info server, wallet. Each maps lower errors to ours."""
