"""The gateway: gathers every meter family behind the G13 JSON interface (docs/gateway).

Two processes: ``acquire`` owns buses, engines and the writing store, ``serve`` owns HTTP and passwords. They talk
over a local socket (:mod:`wattproof.gateway.local`).
"""
