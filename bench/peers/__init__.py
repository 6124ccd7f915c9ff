"""The peers, each started as a process of its own."""
