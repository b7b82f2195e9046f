"""The panels of the dashboard, one per file: lines drawn from a frame and a width."""
