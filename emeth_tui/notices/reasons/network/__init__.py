"""Why the chain or a service of the network cannot be used."""
