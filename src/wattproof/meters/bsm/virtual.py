"""Being a BSM: the virtual meter."""
