"""What a network's services remember besides objects: SQLite in the state directory, or PostgreSQL."""
