"""The node's database, SQLite in WAL mode with `synchronous = FULL`. SQL lives here and nowhere else.

Amounts in wei are TEXT: SQLite's integers end at 9.2 EMT.
"""
