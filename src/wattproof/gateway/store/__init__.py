"""Where the gateway keeps what it knows: SQLite in its data directory, or PostgreSQL by a connection string."""
