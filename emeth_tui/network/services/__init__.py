"""The HTTP services of a network: storage API and info server."""
