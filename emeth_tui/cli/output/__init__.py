"""What every command prints and asks: tables, JSON, CSV, and the question before money is spent."""
