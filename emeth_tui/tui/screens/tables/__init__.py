"""Pages of rows in columns: each row stands for a thing, which Enter opens."""
