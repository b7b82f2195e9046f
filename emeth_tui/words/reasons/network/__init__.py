"""The sentences of notices/reasons/network, in modules of the same names."""
