"""Processes forked from one that has torch: where a test needs no birth of its own."""
