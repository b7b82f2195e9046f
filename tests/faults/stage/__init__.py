"""What a run is played on: node, network and proxies as real processes, and what they are set to."""
