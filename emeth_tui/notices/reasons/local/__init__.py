"""Why the local network or one of its bots does not start or go on."""
