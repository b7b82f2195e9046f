"""What the chain settles: ended jobs, rewards, earnings, and the summary of a run."""
