"""A whole Emeth network on one machine, for trials, tests and development."""
