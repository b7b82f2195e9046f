"""What makes parts of this repository."""
