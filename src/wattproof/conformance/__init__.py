"""The numbered statements of the specifications, run against any meter."""
