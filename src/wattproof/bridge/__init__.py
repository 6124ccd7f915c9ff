"""A server in front of a bus: the gateway of a virtual meter, and the proxy that lets several masters share a line."""
