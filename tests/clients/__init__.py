"""Tests of emeth_tui.clients, against real HTTP servers and a real EVM."""
