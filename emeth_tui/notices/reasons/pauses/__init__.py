"""Why work waits: for hours, or for a pause by hand to end."""
