"""What stands between the node and ssh: a process for each host, without the key."""
