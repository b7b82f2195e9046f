"""The training loop and whole jobs: ours against other ways to do the same."""
