"""A server in front of a bus."""
