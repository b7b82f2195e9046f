"""The sentences of notices/reasons/local, in modules of the same names."""
