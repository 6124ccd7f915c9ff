"""Energy meters that bill: drive them, be them, prove what they signed."""
