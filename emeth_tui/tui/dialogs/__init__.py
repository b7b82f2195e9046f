"""Dialogs: questions that cost money or time, with the facts beside them."""
