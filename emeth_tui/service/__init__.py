"""The node as a service of systemd: its unit, and where that lies."""
