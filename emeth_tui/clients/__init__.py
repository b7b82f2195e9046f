"""The borders to the outside: chain, transactions, storage, info server, wallet."""
