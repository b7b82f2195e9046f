"""`network`: a network's services under load, killed in the middle."""
