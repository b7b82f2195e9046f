"""The master loop, one file a duty."""
