"""Sending transactions: gas, signing, broadcasting, and watching until they are settled."""
