"""The requester below its commands."""
