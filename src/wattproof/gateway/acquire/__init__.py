"""The process that owns the buses: polls meters, runs engines, writes the store, carries out commands."""
