"""Reproducible measurements: one module for each published table, ours and the peers in one run."""
