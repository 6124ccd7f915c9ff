"""Asking meters that speak COSEM: over HDLC on a line or a stream, over TCP and UDP with the wrapper."""
