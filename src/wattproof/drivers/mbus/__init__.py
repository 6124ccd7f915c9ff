"""Asking meters over M-Bus: times, the line, the bus that many meters share, any meter's records, searching."""
