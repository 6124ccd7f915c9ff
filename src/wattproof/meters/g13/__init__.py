"""Meters behind a G13 gateway, ABB's or ours, asked through its JSON interface."""
