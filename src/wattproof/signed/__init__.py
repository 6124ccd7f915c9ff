"""Signed meter values: formats, keys, curves, session rules, report.

``from wattproof import examine, verify`` is the way in; the functions live in :mod:`wattproof.signed.examine`.
"""
