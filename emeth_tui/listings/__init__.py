"""What the node knows as records for machines: one schema for JSON and CSV, whoever writes them."""
