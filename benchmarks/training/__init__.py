"""The training loop and whole jobs, ours compared with others."""
