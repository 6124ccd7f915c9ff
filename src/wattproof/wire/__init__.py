"""Bytes to messages and back, both roles, without any input or output."""
