"""What happened: one module for each topic."""
