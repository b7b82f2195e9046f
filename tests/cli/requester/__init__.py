"""The requester's commands, on a real network."""
