"""The sentences of notices/reasons/pauses."""
