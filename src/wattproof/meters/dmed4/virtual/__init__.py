"""Being a DMED4."""
