"""Being a meter: time, physics, faults, listeners."""
