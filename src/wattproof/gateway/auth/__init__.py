"""Who may use the gateway: passwords, sessions, tokens, lock-out, rights (g13-api.md 9, GD-40 to GD-45, 13.3).

The HTTP side talks to two objects:

* :class:`~wattproof.gateway.auth.gate.Gate` admits requests and knows sessions;
* :class:`~wattproof.gateway.auth.accounts.Accounts` changes users, passwords, bindings and tokens.

Both answer with values of :mod:`~wattproof.gateway.auth.identity` and raise
:class:`~wattproof.gateway.auth.identity.Refusal`. What must survive a restart lies in the store: it is read through
``Reader`` and written through a ``commit(*writes)`` coroutine. What only this process needs (verified credentials,
sessions, token buckets) is memory and never leaves it.
"""
