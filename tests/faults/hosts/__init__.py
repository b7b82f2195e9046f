"""Other machines in a run: how they are made, what breaks them, and what must hold of them."""
