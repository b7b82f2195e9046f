"""What the processes of a test's host do otherwise than the program: they find it on their path."""
