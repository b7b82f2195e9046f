"""Against loss: copies of the database, whether a file is whole and ours, and the writes since a copy."""
