"""The network's facts and arithmetic, without I/O (docs/protocol.md)."""
