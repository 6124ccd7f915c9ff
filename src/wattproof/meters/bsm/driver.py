"""Asking a BSM: the driver."""
