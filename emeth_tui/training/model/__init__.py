"""The network that is trained: GPT-2, its vocabulary head, dropout and the optimiser."""
