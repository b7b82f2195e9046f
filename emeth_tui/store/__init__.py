"""The node's database: SQL lives here and nowhere else."""
