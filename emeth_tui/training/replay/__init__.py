"""Training by rule, so that a verifier can train drawn epochs again (protocol.md §9b)."""
