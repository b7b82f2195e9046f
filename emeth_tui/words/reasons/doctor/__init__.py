"""The sentences of notices/reasons/doctor."""
