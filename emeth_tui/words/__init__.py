"""Everything the user reads, in English and Japanese. No Textual here."""
