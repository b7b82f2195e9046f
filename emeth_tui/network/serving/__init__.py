"""A network's services as one long-running program: `emeth-tui network serve`."""
