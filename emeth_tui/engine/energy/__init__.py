"""What devices take for each job, and what that leaves of its earnings."""
