"""The version, alone in its file so that ``wattproof --version`` imports nothing else."""

__version__ = "0.1.0"
#: Local time without zone, as interfaces print it; changed with the version.
RELEASED = "2026-11-30T00:00:00"
