"""The control socket: a node of this machine seen from another process."""
