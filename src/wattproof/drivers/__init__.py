"""Asking a meter: links to it, the bus it hangs on, finding it."""
