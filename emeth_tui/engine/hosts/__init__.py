"""The node's hosts: which there are, which workers are theirs, and jobs that leave a host which is away."""
