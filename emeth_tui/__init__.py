"""emeth-tui: the node manager for the Emeth compute network."""

__version__ = "0.1.0"
