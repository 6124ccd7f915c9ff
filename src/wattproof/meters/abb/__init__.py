"""ABB meters of the A and B series (A41..A44, B21..B24): wired M-Bus, its infrared head, and COSEM over HDLC or IP."""
