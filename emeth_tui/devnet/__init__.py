"""A whole Emeth network on one machine, for trying, testing and developing."""
