"""A network of one's own: its contracts deployed, its services run."""
