"""ABB meters over COSEM: the EQ bus, and TCP or UDP with the wrapper."""
