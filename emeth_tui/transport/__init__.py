"""How processes reach each other: a Unix socket of their own, and ssh to other machines."""
