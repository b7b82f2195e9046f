"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A machine with other work takes any time for an example; how fast code is, benchmarks say.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
