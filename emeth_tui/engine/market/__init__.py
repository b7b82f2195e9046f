"""The market: listed jobs, the rules they are judged by, and the preparation of a claim."""
