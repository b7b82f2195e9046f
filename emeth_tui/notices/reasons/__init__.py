"""Why something is not done, or went wrong: one module for each topic."""
