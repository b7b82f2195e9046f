"""The other parties of a devnet: requester, verifier and rival."""
