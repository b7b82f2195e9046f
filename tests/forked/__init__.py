"""Processes forked from one that has loaded torch, for tests that need no fresh start."""
