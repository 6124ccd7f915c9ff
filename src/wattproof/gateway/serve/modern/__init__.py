"""The modern face of the gateway, ``/api/v1``: what the shapes of 1990 cannot say.

Readings with quality and OBIS code, ranges of time with paging, live values as server-sent events, charging sessions,
audit log, health, statistics. It reads the same model as the old face and computes nothing a second time.
"""
