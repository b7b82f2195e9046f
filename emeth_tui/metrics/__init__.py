"""Figures for Prometheus: what the screen shows, served over HTTP. It needs the `metrics` extra."""
