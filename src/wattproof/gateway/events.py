"""Events of the gateway (g13-api.md 5.1) as they are stored and told."""

from __future__ import annotations

from enum import IntEnum

from wattproof.gateway.records import Event

#: Categories of the family: warning and information.
WARNING, INFORMATION = 4, 8


class Id(IntEnum):
    """Numbers of the log of #13."""

    LOGIN_FAILED = 1
    PASSWORD_CHANGED = 2
    USER_CHANGED = 3
    DATETIME_CHANGED = 4
    METER_CONNECTED = 5
    DEVICE_ADDED = 6
    DEVICE_DELETED = 7
    CONNECTION_LIMIT = 8
    METER_NOT_CONNECTED = 9
    REBOOT = 10
    STARTED = 11
    EVENTS_RESET = 12
    IP_ADDRESS_CHANGED = 13
    ALIAS_CHANGED = 14
    UPLOAD_COMPLETE = 15
    UPDATE_COMPLETE = 16
    UPDATE_FAILED = 17
    # 18 is a changed location, which nothing tells yet.
    METER_KEY_CHANGED = 19
    SESSION_INTERRUPTED = 20


_WARNINGS = frozenset(
    {
        Id.LOGIN_FAILED,
        Id.CONNECTION_LIMIT,
        Id.METER_NOT_CONNECTED,
        Id.UPDATE_FAILED,
        Id.METER_KEY_CHANGED,
        Id.SESSION_INTERRUPTED,
    }
)


def event(id: Id, time: int, detail: str = "") -> Event:
    """An event at ``time`` (UTC ms of the host)."""
    return Event(int(id), WARNING if id in _WARNINGS else INFORMATION, time, detail)
