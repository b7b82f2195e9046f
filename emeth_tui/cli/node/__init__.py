"""Which node a command speaks of, which of its jobs, and the ways to ask it."""
