"""A driver that breaks things: a node and a network as real processes, and faults between them by seed.

`python -m tests.faults --help`. One run is `run.play`: `plan` draws the faults from the seed, `faults` does
them to the `world`, and `judge` says from chain, files and processes what went wrong.
"""
