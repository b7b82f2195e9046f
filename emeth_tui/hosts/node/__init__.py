"""What the node has of a host: the connection to its link, workers and files there, and the list of hosts."""
