"""ABB meters over wired M-Bus and the infrared head."""
