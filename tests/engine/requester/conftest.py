"""Fixtures: the chain, the client on it and the journal of the clients' tests."""

from __future__ import annotations

from tests.clients.conftest import chain, network, store

__all__ = ["chain", "network", "store"]
