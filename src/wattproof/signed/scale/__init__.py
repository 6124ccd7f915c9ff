"""Many records at once: files cut into pieces, which processes or a Ray cluster judge, and results as Parquet."""
