"""The commands for people and scripts, against a real node on a real network."""
