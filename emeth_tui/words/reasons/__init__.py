"""The sentences of notices/reasons, in modules of the same names."""
