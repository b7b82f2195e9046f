"""The sentences of notices/reasons/training, in modules of the same names."""
