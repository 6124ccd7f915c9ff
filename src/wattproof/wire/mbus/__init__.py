"""M-Bus without I/O, both roles (EN 13757-2, EN 13757-3)."""
