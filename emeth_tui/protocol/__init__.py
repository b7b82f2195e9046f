"""What the network says: pure facts and arithmetic, no I/O (protocol.md)."""
