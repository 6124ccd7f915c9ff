"""Signed meter values: formats, keys, session rules, report."""
