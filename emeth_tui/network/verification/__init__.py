"""Checking what nodes submit: the verifier, its rules, and the child process that opens results."""
