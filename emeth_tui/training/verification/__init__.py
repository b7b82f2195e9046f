"""What a verifier measures on a result: how much it learned, and whether its node did the work."""
