"""Being a DMED4: the virtual meter and its remote displays."""
