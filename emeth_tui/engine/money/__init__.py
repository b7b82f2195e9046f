"""What the chain settles: ended jobs, rewards, earnings, and the account of a run."""
