"""The dashboard and the pages, one per file; those that list things in columns in `tables`."""
