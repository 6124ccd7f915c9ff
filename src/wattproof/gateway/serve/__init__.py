"""The process that owns HTTP: it answers the 91 resources of the G13 interface, from the store, or by asking
``acquire`` over the local socket."""
