"""pytest fixtures: virtual meters for tests of charging software."""
