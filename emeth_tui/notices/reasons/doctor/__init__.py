"""What `emeth-tui doctor` finds, and the remedies."""
