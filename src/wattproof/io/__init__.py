"""Links, clocks and files: the only rooms that touch the outside."""
