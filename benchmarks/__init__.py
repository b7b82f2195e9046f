"""Measurements of this project against a baseline; method and figures are in BENCHMARKS.md."""
