"""The Bauer BSM-WS36A: an AC meter that signs its readings."""
