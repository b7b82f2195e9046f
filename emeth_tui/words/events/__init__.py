"""The sentences of notices/events, in modules of the same names."""
