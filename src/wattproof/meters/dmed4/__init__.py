"""The LOVATO DMED4: a DC meter for fast chargers that signs OCMF, and its remote displays."""
