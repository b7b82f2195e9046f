"""The dashboard and the pages, one per file."""
