"""The training run: its loop and steps, what it measures, saves and recovers from."""
