"""Being a BSM: what it measures, how it signs, what it shows, and everything that can go wrong with it.

``meter`` answers requests; it is a ``body`` (time and events) with a ``face`` (registers and display), whose snapshots
come into being by ``creation`` along the table of ``machine``.
"""
