"""Which node a command speaks of, which of its jobs, the ways to ask it, and what one is opened with."""
