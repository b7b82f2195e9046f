"""The node's database, SQLite in WAL mode with `synchronous = FULL`. All SQL is here.

Amounts in wei are TEXT: SQLite's integers only reach 9.2 EMT.
"""
