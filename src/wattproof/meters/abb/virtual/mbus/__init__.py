"""What a virtual ABB meter says on M-Bus (abb-meters.md 1.7 to 1.15, 3.11)."""
