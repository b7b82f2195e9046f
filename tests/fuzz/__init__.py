"""Foreign bytes by the megabyte, from fixed seeds: parsers raise their own errors, in bounded time and space.

`pytest tests/fuzz` runs a little of each target; `python -m tests.fuzz --megabytes 20` as much as you like.
"""
